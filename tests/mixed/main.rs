//! Two releases at once, as in an upgrade that is half done: a cluster of today's processes on this machine with two edges, one of them of
//! the binary of an earlier release. Real SDKs chat from one edge to the other, both ways; then under traffic the earlier edge becomes
//! one of today's and, as in a roll-back, an earlier one again, and nothing that was answered is lost, doubled or out of order.
//!
//! `cargo xtask mixed` runs it. `NATTER_SEED` replays the choices of the traffic.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test, which tells how far it is

mod pair;
mod person;
mod report;
mod scene;

use natter_actor::Chance;
use natter_tests::build::Build;

use pair::{Kind, Pair};
use report::Report;
use scene::{Edge, Scene};

const BUILDS: [Build; 2] = [Build::Node6, Build::Node3];
const WAYS: [(Edge, Edge); 2] = [(Edge::Before, Edge::Today), (Edge::Today, Edge::Before)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edge_of_an_earlier_release_serves_beside_todays_cluster() {
    let seed = std::env::var("NATTER_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| Chance::system().u64() >> 16);
    let scene = Scene::start().unwrap();
    let mut report = Report::new(&scene.before, seed);
    for build in BUILDS {
        for (here, there) in WAYS {
            let pair = match Pair::open(&scene, build, here, there).await {
                Ok(pair) => pair,
                Err(error) => {
                    report.add(build, here, there, "sign in", Err(error));
                    continue;
                }
            };
            for kind in Kind::ALL.into_iter().filter(|kind| kind.is_known_to(build)) {
                report.add(build, here, there, kind.name(), pair.play(kind).await);
            }
        }
    }
    report.add_traffic(scene.upgrade_under_traffic(seed).await);
    report.write(scene.target()).unwrap();
    assert!(!report.has_failed(), "something is not as it was answered; the cluster is left in {}", scene.folder().display());
    scene.wipe().unwrap();
}
