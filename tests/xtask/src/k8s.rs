//! `cargo xtask k8s`: the chart installed for real, upgraded, scaled, broken and repaired under traffic. In the cluster that KUBECONFIG names,
//! else in one of its own on this machine.

mod node;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use natter_servers::Servers;

use crate::chart::{Tools, image};
use crate::command::{cargo, run, target};
use crate::tools;
use node::Node;

/// The image of the release, and the same as the next one.
const IMAGE: &str = "localhost/natter";
const TAGS: [&str; 2] = ["built", "next"];

/// `k8s [STEP ...]`, `k8s up` and `k8s down`.
pub fn run_words(words: &[&str]) -> Result<()> {
    match words {
        ["up"] => prepare()?.up(),
        ["down"] => down(&Node::install(&Tools::install()?)?),
        steps => match std::env::var_os("KUBECONFIG") {
            Some(_) => in_a_cluster_that_is_there(steps),
            None => in_our_own(steps),
        },
    }
}

/// Ends the node, and the servers that a run left with it.
fn down(node: &Node) -> Result<()> {
    node.down()?;
    let (target, folder) = (target()?, target()?.join("tmp/k8s/servers"));
    if folder.exists() {
        // Of a run that ended while they started there are not all.
        if let Ok(servers) = Servers::open(&target, &folder) {
            servers.wipe()?;
        }
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

fn in_our_own(steps: &[&str]) -> Result<()> {
    let node = prepare()?;
    down(&node)?;
    node.up()?;
    let tested = program(&mut node.inside("cargo"), steps, &format!("{IMAGE}:{}", TAGS[0]))
        .and_then(|tests| run(tests.env("NATTER_SERVERS_ON", node::ADDRESS)));
    // What failed can be looked at: `cargo xtask k8s down` ends it.
    match tested {
        Ok(()) => down(&node),
        Err(error) => Err(error.context("the cluster is left as it is: `cargo xtask k8s down` ends it")),
    }
}

/// Its nodes have to find the image, this machine the addresses of its Services, and its pods the servers, which are started here.
fn in_a_cluster_that_is_there(steps: &[&str]) -> Result<()> {
    let image =
        std::env::var("NATTER_K8S_IMAGE").context("NATTER_K8S_IMAGE names an image that the cluster can pull: REPOSITORY:TAG")?;
    if std::env::var_os("NATTER_SERVERS_ON").is_none() {
        bail!("NATTER_SERVERS_ON names the address of this machine that pods reach: Cassandra, NATS, Redis and S3 listen there");
    }
    Servers::install(&target()?)?;
    let mut tests = cargo();
    let helm = Tools::install()?.named("helm");
    let path = [helm.parent().map(Path::to_path_buf).unwrap_or_default()];
    let others = std::env::var_os("PATH").unwrap_or_default();
    tests.env("PATH", std::env::join_paths(path.into_iter().chain(std::env::split_paths(&others)))?);
    run(program(&mut tests, steps, &image)?)
}

// Whatever is brought from outside is brought before the network of the node is entered, which leads nowhere.
fn prepare() -> Result<Node> {
    let node = Node::install(&Tools::install()?)?;
    Servers::install(&target()?)?;
    tools::sdk()?;
    let names = TAGS.map(|tag| format!("{IMAGE}:{tag}"));
    let made = image::make(&target()?, "dist", &names[0])?;
    for name in &names {
        image::tag(&names[0], name)?;
        image::save(name, &node.images().join(format!("{}.tar", name.replace(['/', ':'], "-"))))?;
    }
    fs::copy(made, target()?.join("k8s-natter"))?;
    run(cargo().args(["test", "--workspace", "--test", "k8s", "--locked", "--no-run"]))?;
    Ok(node)
}

fn program<'a>(cargo: &'a mut Command, steps: &[&str], image: &str) -> Result<&'a mut Command> {
    let target = target()?;
    let binary = target.join("k8s-natter");
    let binary = if binary.exists() { binary } else { target.join("debug/natter") };
    Ok(cargo
        .args(["test", "--workspace", "--test", "k8s", "--locked", "--", "--nocapture"])
        .env("NATTER_BINARY", binary)
        .env("NATTER_SDK_MODULES", tools::sdk()?.join("package.json"))
        .env("NATTER_TARGET", &target)
        .env("NATTER_K8S_IMAGE", image)
        .env("NATTER_K8S_STEPS", steps.join(",")))
}
