#!/bin/bash
# down.sh DIR: ends what up.sh DIR began, and nobody else, and takes away what it left: pods, mounts, cgroups, the network namespace.
DIR=$(realpath "$1"); RUN=$DIR/run
[ -f "$RUN/pids" ] || exit 0
SPACE=$(cat "$RUN/space")
CTR="$DIR/deb/usr/bin/ctr -a $RUN/containerd.sock -n k8s.io"

# A pid may be somebody else's meanwhile: ours has DIR in its command line or its environment.
is_ours() { [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" && grep -qaF "$DIR/" "/proc/$1/cmdline" "/proc/$1/environ"; }
end() {
  is_ours "$1" && kill "$1" 2> /dev/null || return 0
  for _ in $(seq 50); do is_ours "$1" || return 0; sleep 0.1; done
  kill -9 "$1" 2> /dev/null
}
pid_of() { awk -v name="$1" '$2 == name { print $1 }' "$RUN/pids"; }

# First who would start pods again, then the pods, then the rest.
for name in kubelet kube-proxy; do end "$(pid_of $name)"; done
if is_ours "$(pid_of containerd)"; then
  for task in $($CTR tasks ls -q); do $CTR tasks kill -s SIGKILL "$task"; done
  sleep 1
  for task in $($CTR tasks ls -q); do $CTR tasks rm -f "$task"; done
  for container in $($CTR containers ls -q); do
    $CTR containers info "$container" | grep -o 'netns/cni-[0-9a-f-]*' | cut -d/ -f2 >> "$RUN/pod-spaces"
    $CTR containers rm "$container"
  done
fi > /dev/null 2>&1
tac "$RUN/pids" | while read -r pid _; do end "$pid"; done
awk -v dir="$DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do umount -l "$mount"; done
sort -u "$RUN/pod-spaces" 2> /dev/null | while read -r space; do ip netns del "$space" 2> /dev/null; done
for controller in /sys/fs/cgroup/*/; do
  [ ! -d "$controller$SPACE" ] || find "$controller$SPACE" -depth -type d -exec rmdir {} + 2> /dev/null
done
[ ! -f "$RUN/sysctls" ] || xargs -r sysctl -qw < "$RUN/sysctls"
ip netns del "$SPACE"
rm -rf "$RUN" "$DIR/in"
