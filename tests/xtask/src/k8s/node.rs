//! A Kubernetes of one real node on this machine: its programs, brought under `target/tools/k8s` from the registries of Go and Debian, and
//! its start and end. How it is put together stands in `tests/k8s/node/up.sh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::chart::{self, image};
use crate::command::{answers, run, target};
use crate::golang::{self, Module};

const KUBERNETES: Module = ("k8s.io/kubernetes", "v1.34.4");
const COREDNS: Module = ("github.com/coredns/coredns", "v1.15.0");
/// What the one program of Kubernetes is called by.
const PARTS: [&str; 6] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"];
/// Packages that are unpacked and not installed: nothing of them is started by the system. The last ones are libraries of nftables.
const PACKAGES: [&str; 12] = [
    "containerd",
    "runc",
    "containernetworking-plugins",
    "nftables",
    "libnftables1",
    "libnftnl11",
    "libmnl0",
    "libjansson4",
    "libxtables12",
    "libedit2",
    "libbsd0",
    "libseccomp2",
];
/// What has to be there.
const NEEDED: [(&str, &str, &str); 6] = [
    ("go", "version", "Go 1.26 or later"),
    ("kubectl", "--help", "kubectl"),
    ("ip", "-V", "iproute2"),
    ("openssl", "version", "openssl"),
    ("curl", "--version", "curl"),
    ("dpkg", "--version", "dpkg and apt-get: it is made of packages of Debian"),
];
const SOURCES: &str = "tests/k8s/node";

/// The address of the node, which pods reach.
pub const ADDRESS: &str = "10.200.0.1";

/// Where it is.
pub struct Node {
    folder: PathBuf,
}

impl Node {
    /// Brings what is not there yet: the first time some ten minutes of two cores, most of it Kubernetes.
    ///
    /// # Errors
    /// Something that is needed is missing, which is then named, or a registry does not answer.
    pub fn install(tools: &chart::Tools) -> Result<Node> {
        for (program, argument, name) in NEEDED {
            if !answers(program, argument) {
                bail!("a Kubernetes on this machine needs {name} on the PATH; or name a cluster that is there by KUBECONFIG");
            }
        }
        let node = Node { folder: target()?.join("tools/k8s") };
        for folder in ["bin", "images", "deb", "packages"] {
            fs::create_dir_all(node.folder.join(folder))?;
        }
        node.kubernetes()?;
        golang::install(&node.bin(), "coredns", COREDNS)?;
        node.debian()?;
        node.pause()?;
        let helm = node.bin().join("helm");
        if !helm.exists() {
            fs::copy(tools.named("helm"), helm)?;
        }
        Ok(node)
    }

    /// Where the archives of images lie that it has from its start.
    pub fn images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// Starts it, with nothing in it.
    pub fn up(&self) -> Result<()> {
        self.down()?;
        run(Command::new("bash").arg(format!("{SOURCES}/up.sh")).arg(&self.folder))
    }

    /// Ends it, whatever runs in it.
    pub fn down(&self) -> Result<()> {
        run(Command::new("bash").arg(format!("{SOURCES}/down.sh")).arg(&self.folder))
    }

    /// A program that runs in its network, with `kubectl` and `helm` that know it.
    pub fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut inside = Command::new(self.folder.join("in"));
        inside.arg(program).env("NATTER_K8S_NODE", &self.folder);
        inside
    }

    fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    // Its modules within stand beside it in its own tree, and in the registry under versions of their own.
    fn kubernetes(&self) -> Result<()> {
        if self.bin().join("kubernetes").exists() {
            return Ok(());
        }
        let (source, version) = (self.folder.join("kubernetes"), KUBERNETES.1);
        golang::wrap(&source, KUBERNETES, |text| with_published(text, version))?;
        fs::copy(Path::new(SOURCES).join("kubernetes/main.go"), source.join("main.go"))?;
        let mut flags = "-s -w".to_owned();
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
            flags += &format!(" -X {package}.gitVersion={version} -X {package}.gitMajor=1 -X {package}.gitMinor=34");
        }
        let mut build = golang::go(&self.bin());
        build
            .args(["build", "-mod=mod", "-ldflags", &flags, "-o"])
            .arg(self.bin().join("kubernetes"))
            .arg(".")
            .current_dir(source);
        run(&mut build)?;
        for part in PARTS {
            let link = self.bin().join(part);
            if !link.exists() {
                std::os::unix::fs::symlink("kubernetes", link)?;
            }
        }
        Ok(())
    }

    fn debian(&self) -> Result<()> {
        let marker = self.folder.join("deb/whole");
        if marker.exists() {
            return Ok(());
        }
        let packages = self.folder.join("packages");
        let download = || run(Command::new("apt-get").args(["download", "-qq"]).args(PACKAGES).current_dir(&packages));
        if download().is_err() {
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            download()?;
        }
        for package in fs::read_dir(&packages)? {
            run(Command::new("dpkg").arg("-x").arg(package?.path()).arg(self.folder.join("deb")))?;
        }
        // kube-proxy calls it by its name.
        let nft = "#!/bin/sh\nDEB=$(dirname \"$(readlink -f \"$0\")\")/../deb\nLD_LIBRARY_PATH=$DEB/usr/lib/x86_64-linux-gnu exec $DEB/usr/sbin/nft \"$@\"\n";
        image::write_program(&self.bin().join("nft"), nft)?;
        Ok(fs::write(marker, "")?)
    }

    fn pause(&self) -> Result<()> {
        let archive = self.images().join("pause.tar");
        if archive.exists() {
            return Ok(());
        }
        let context = self.folder.join("pause");
        fs::create_dir_all(&context)?;
        let mut build = golang::go(&self.bin());
        run(build.args(["build", "-ldflags", "-s -w", "-o"]).arg(context.join("pause")).arg(format!("{SOURCES}/pause/main.go")))?;
        image::build(&context, &format!("{SOURCES}/pause/Dockerfile"), "localhost/pause:1")?;
        image::save("localhost/pause:1", &archive)
    }
}

// The lines of Kubernetes's own `go.mod`, with each module that it takes from beside it taken from the registry.
fn with_published(text: &str, version: &str) -> Vec<String> {
    let version = version.replacen("v1.", "v0.", 1);
    let line = |line: &str| match line.split_once(" => ./") {
        Some((module, _)) => format!("{module} => {} {version}", module.trim().trim_start_matches("replace ")),
        None => line.to_owned(),
    };
    text.lines().filter(|line| !line.starts_with("module ")).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::with_published;

    #[test]
    fn what_stands_beside_kubernetes_is_taken_from_the_registry() {
        let text = "module k8s.io/kubernetes\n\ngo 1.24\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)";
        let lines = with_published(text, "v1.34.4");
        assert_eq!(lines, ["", "go 1.24", "", "replace (", "\tk8s.io/api => k8s.io/api v0.34.4", ")"]);
    }
}
