#!/bin/bash
# up.sh DIR: one real node of Kubernetes on this machine (root, cgroup v1 or v2 beside it), from what `cargo xtask k8s` has brought to DIR.
# Everything is in a network namespace of its own: no port of the machine is taken. DIR/in COMMAND... runs something inside; down.sh ends it.
set -euo pipefail
DIR=$(realpath "$1"); RUN=$DIR/run; LOGS=$DIR/logs; KEYS=$RUN/keys; DEB=$DIR/deb
NODE=natter-node; NODE_IP=10.200.0.1; API=https://127.0.0.1:6443; PODS=10.244.0.0/16
SPACE=natter-$(printf %s "$DIR" | sha256sum | cut -c1-8)
[ ! -e "$RUN" ] || { echo "$RUN is there: run down.sh $DIR first" >&2; exit 1; }
mkdir -p "$RUN" "$LOGS" "$KEYS" "$RUN/cni" "$RUN/pod-logs" "$RUN/volume-plugins"
echo "$SPACE" > "$RUN/space"; : > "$RUN/pids"

# --- the namespace: the node's address on one end of a pair, as there is no other device; a default route, so that pods may ask for anything
ip netns add "$SPACE"
ip -n "$SPACE" link set lo up
ip -n "$SPACE" link add node type veth peer name void
ip -n "$SPACE" addr add $NODE_IP/24 dev node
ip -n "$SPACE" link set void up; ip -n "$SPACE" link set node up
ip -n "$SPACE" route add default via 10.200.0.254 dev node
INSIDE="nsenter --net=/run/netns/$SPACE"
$INSIDE sysctl -qw net.ipv4.ip_forward=1
cat > "$DIR/in" <<END
#!/bin/bash
export KUBECONFIG=$RUN/admin.conf PATH=$DIR/bin:\$PATH
exec $INSIDE "\$@"
END
chmod +x "$DIR/in"

begin() { # NAME COMMAND...: only what stands in pids is ever ended
  local name=$1; shift
  setsid $INSIDE env PATH="$DIR/bin:$DEB/usr/sbin:$DEB/usr/bin:$PATH" "$@" > "$LOGS/$name.log" 2>&1 < /dev/null &
  echo "$! $name" >> "$RUN/pids"
}
await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "$what does not come: see $LOGS" >&2; exit 1; }
    sleep 0.2
  done
}

# --- keys: one authority for all, a certificate for whoever serves or asks
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
new_key "$KEYS/ca.key"
openssl req -x509 -new -key "$KEYS/ca.key" -subj /CN=natter-k8s -days 30 -out "$KEYS/ca.crt"
sign() { # NAME SUBJECT USAGES
  new_key "$KEYS/$1.key"
  openssl req -new -key "$KEYS/$1.key" -subj "$2" | openssl x509 -req -CA "$KEYS/ca.crt" -CAkey "$KEYS/ca.key" -CAcreateserial -days 30 \
    -extfile <(echo "extendedKeyUsage=$3"; echo "subjectAltName=IP:127.0.0.1,IP:$NODE_IP,IP:10.96.0.1,DNS:localhost,DNS:$NODE,DNS:kubernetes.default.svc") \
    -out "$KEYS/$1.crt" 2> /dev/null
}
sign server /CN=kube-apiserver serverAuth
sign kubelet "/O=system:nodes/CN=system:node:$NODE" serverAuth,clientAuth
for who in admin:/O=system:masters/CN=admin controllers:/CN=system:kube-controller-manager scheduler:/CN=system:kube-scheduler proxy:/CN=system:kube-proxy; do
  sign "${who%%:*}" "${who#*:}" clientAuth
done
openssl genrsa -out "$KEYS/accounts.key" 2048 2> /dev/null
openssl rsa -in "$KEYS/accounts.key" -pubout -out "$KEYS/accounts.pub" 2> /dev/null
for who in admin controllers scheduler kubelet proxy; do
  cat > "$RUN/$who.conf" <<END
apiVersion: v1
kind: Config
current-context: natter
clusters: [{name: natter, cluster: {server: "$API", certificate-authority: $KEYS/ca.crt}}]
users: [{name: $who, user: {client-certificate: $KEYS/$who.crt, client-key: $KEYS/$who.key}}]
contexts: [{name: natter, context: {cluster: natter, user: $who}}]
END
done

# --- what decides: etcd (which need not survive), the API server, controllers, scheduler
begin etcd etcd --name natter --data-dir "$RUN/etcd" --unsafe-no-fsync --log-level warn --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster natter=http://127.0.0.1:2380
await 30 etcd "$DIR/in" curl -fsS http://127.0.0.1:2379/health
begin kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$NODE_IP --secure-port=6443 \
  --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --client-ca-file="$KEYS/ca.crt" --tls-cert-file="$KEYS/server.crt" --tls-private-key-file="$KEYS/server.key" \
  --kubelet-client-certificate="$KEYS/admin.crt" --kubelet-client-key="$KEYS/admin.key" --kubelet-certificate-authority="$KEYS/ca.crt" \
  --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file="$KEYS/accounts.pub" --service-account-signing-key-file="$KEYS/accounts.key"
await 90 "the API server" "$DIR/in" kubectl get --raw /readyz
begin kube-controller-manager kube-controller-manager --kubeconfig="$RUN/controllers.conf" --bind-address=127.0.0.1 --leader-elect=false \
  --use-service-account-credentials=true --service-account-private-key-file="$KEYS/accounts.key" --root-ca-file="$KEYS/ca.crt" \
  --allocate-node-cidrs=true --cluster-cidr=$PODS
begin kube-scheduler kube-scheduler --kubeconfig="$RUN/scheduler.conf" --bind-address=127.0.0.1 --leader-elect=false
await 60 "the default account" "$DIR/in" kubectl -n default get serviceaccount default

# --- what runs pods. The kubelet sets these for the whole machine; down.sh puts them back.
for name in kernel.panic kernel.panic_on_oops vm.overcommit_memory; do echo "$name=$(sysctl -n $name)"; done > "$RUN/sysctls"
# Groups of our own: what runs on this machine otherwise is not touched.
for controller in /sys/fs/cgroup/*/; do
  [ -f "$controller/cgroup.procs" ] && [ "$(basename "$controller")" != unified ] || continue
  mkdir -p "$controller$SPACE"
done
if [ -f "/sys/fs/cgroup/cpuset/$SPACE/cpuset.cpus" ]; then
  for what in cpus mems; do cat "/sys/fs/cgroup/cpuset/cpuset.$what" > "/sys/fs/cgroup/cpuset/$SPACE/cpuset.$what"; done
  echo 1 > "/sys/fs/cgroup/cpuset/$SPACE/cgroup.clone_children"
fi
# All pods together are one of those that share this machine: they count as as many as they are.
[ ! -f "/sys/fs/cgroup/cpu/$SPACE/cpu.shares" ] || echo 16384 > "/sys/fs/cgroup/cpu/$SPACE/cpu.shares"
cat > "$RUN/cni/pods.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true, "ipam": {
  "type": "host-local", "dataDir": "$RUN/addresses", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
# Nobody here may lower oom_score_adj.
cat > "$RUN/containerd.toml" <<END
version = 2
root = "$RUN/containerd"
state = "$RUN/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "$RUN/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
restrict_oom_score_adj = true
disable_apparmor = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$DEB/usr/lib/cni"
conf_dir = "$RUN/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "$DEB/usr/sbin/runc"
END
begin containerd "$DEB/usr/bin/containerd" --config "$RUN/containerd.toml"
CTR="$DEB/usr/bin/ctr -a $RUN/containerd.sock -n k8s.io"
await 30 containerd $CTR version
for image in "$DIR"/images/*.tar; do $CTR images import "$image" >> "$LOGS/images.log" 2>&1; done
echo "nameserver $NODE_IP" > "$RUN/resolv.conf"
cat > "$RUN/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $KEYS/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $KEYS/kubelet.crt
tlsPrivateKeyFile: $KEYS/kubelet.key
containerRuntimeEndpoint: unix://$RUN/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$SPACE
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
resolvConf: $RUN/resolv.conf
podLogsDir: $RUN/pod-logs
volumePluginDir: $RUN/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi}
END
begin kubelet kubelet --config="$RUN/kubelet.yaml" --kubeconfig="$RUN/kubelet.conf" --hostname-override=$NODE --node-ip=$NODE_IP --root-dir="$RUN/kubelet"
cat > "$RUN/proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $RUN/proxy.conf}
hostnameOverride: $NODE
clusterCIDR: $PODS
bindAddress: 127.0.0.1
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
begin kube-proxy kube-proxy --config="$RUN/proxy.yaml"
cat > "$RUN/Corefile" <<END
. {
  bind $NODE_IP
  errors
  kubernetes cluster.local { 
    kubeconfig $RUN/admin.conf natter
    ttl 5
  }
}
END
begin coredns coredns -conf "$RUN/Corefile"
await 60 "the node" "$DIR/in" kubectl wait --for=condition=Ready node/$NODE --timeout=2s
