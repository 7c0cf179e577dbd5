//! `cargo xtask chart image`: a static binary, the image of it from `deploy/Dockerfile`, and a start of that image. Apart from the suite,
//! as it links the binary once more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{answers, cargo, run, target};

/// Where this system keeps the authorities that it trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const NAME: &str = "localhost/natter:built";
/// What a first start prints when it serves.
const SERVES: &str = "ConnectyCube.init";

/// Builds with a profile of Cargo (`dev`, `release` or `dist`), and starts `natter all` in the image.
pub fn build_and_start(target: &Path, profile: &str) -> Result<()> {
    make(target, profile, NAME)?;
    let made = buildah()?.args(["from", NAME]).output()?;
    ensure!(made.status.success(), "buildah from: {}", String::from_utf8_lossy(&made.stderr));
    let container = String::from_utf8(made.stdout)?.trim().to_owned();
    let started = start(buildah()?.args(["run", "--isolation", "chroot", &container, "--", "/natter", "all"]));
    run(buildah()?.args(["rm", &container]))?;
    started?;
    let archive = target.join("natter-image.tar");
    save(NAME, &archive)?;
    println!("xtask: the image starts; it is in {}", archive.display());
    Ok(())
}

/// Builds the binary and the image of it under this name, and says where the binary is.
pub fn make(target: &Path, profile: &str, name: &str) -> Result<PathBuf> {
    let context = target.join("image");
    if context.exists() {
        fs::remove_dir_all(&context)?;
    }
    fs::create_dir_all(context.join("data"))?;
    let binary = binary(target, profile)?;
    fs::copy(&binary, context.join("natter"))?;
    fs::set_permissions(context.join("natter"), fs::Permissions::from_mode(0o755))?;
    fs::copy(AUTHORITIES, context.join("ca-certificates.crt")).with_context(|| format!("cannot read {AUTHORITIES}"))?;
    build(&context, "deploy/Dockerfile", name)?;
    Ok(binary)
}

/// An image from a file that says how, and a folder of what it is made of.
pub fn build(context: &Path, file: &str, name: &str) -> Result<()> {
    run(buildah()?.args(["build", "--isolation", "chroot", "-t", name, "-f", file]).arg(context))
}

/// Another name of an image.
pub fn tag(name: &str, other: &str) -> Result<()> {
    run(buildah()?.args(["tag", name, other]))
}

/// Writes an image to an archive, which containerd imports under its name.
pub fn save(name: &str, archive: &Path) -> Result<()> {
    // It adds to an archive that is there.
    if archive.exists() {
        fs::remove_file(archive)?;
    }
    run(buildah()?.args(["push", "-q", name]).arg(format!("oci-archive:{}:{name}", archive.display())))
}

/// Writes a script that can be run.
pub fn write_program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn buildah() -> Result<Command> {
    if !answers("buildah", "--version") {
        let installed = answers("apt-get", "--version")
            && run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "buildah"])).is_ok();
        ensure!(installed, "the image needs buildah on the PATH (Debian, as root: apt-get install buildah)");
    }
    let store = target()?.join("buildah");
    let mut command = Command::new("buildah");
    command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run")).args(["--storage-driver", "vfs"]);
    Ok(command)
}
// Only the last link is told to be static, so that nothing else is compiled again.
fn binary(target: &Path, profile: &str) -> Result<PathBuf> {
    let words = ["rustc", "-p", "natter-node", "--bin", "natter", "--locked", "--profile", profile];
    run(cargo().args(words).args(["--", "-C", "target-feature=+crt-static"]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = target.join(folder).join("natter");
    let said = Command::new("ldd").arg(&binary).output()?;
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let is_static = said.contains("statically linked") || said.contains("not a dynamic executable");
    ensure!(is_static, "{} is not static: {}", binary.display(), said.trim());
    Ok(binary)
}

// Until it says that it serves. Its ports are chosen by the system: it shares this machine's network.
fn start(command: &mut Command) -> Result<()> {
    let ports = [
        "api.tls_port",
        "api.plain_port",
        "edge.tcp_port",
        "edge.tls_port",
        "edge.wss_port",
        "edge.ws_port",
        "console.port",
        "health.port",
    ];
    for port in ports {
        command.args(["--set", &format!("{port}=0")]);
    }
    println!("xtask: the image is started");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
    let mut said = Vec::new();
    let serves = lines.map_while(|line| line.ok()).any(|line| {
        let serves = line.contains(SERVES);
        said.push(line);
        serves
    });
    // buildah hands a TERM on.
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let ended = child.wait()?;
    if !serves {
        bail!("the image ended ({ended}) and said: {}", said.join(" | "));
    }
    Ok(())
}
