//! `cargo xtask <command>`: everything that CI, a developer or a reviewer runs. Nothing is known to CI that this does not know.
#![allow(clippy::print_stdout)] // a command line tool

mod bench;
mod chart;
mod check;
mod cluster;
mod command;
mod faults;
mod fuzz;
mod golang;
mod k8s;
mod lives;
mod mixed;
mod model;
mod proto;
mod report;
mod servers;
mod test;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask <command>

  test            the whole suite; installs what it needs under target/
  test --fast     the part that needs neither network nor servers
  test --servers  the part that needs Cassandra, NATS, Redis or S3, against real ones; installs what it needs
  test --cql HOST:PORT[,HOST:PORT ...]
                  the CQL suites alone, on Cassandra or ScyllaDB that runs there; each test has a keyspace of its own
  matrix          the SDK checks alone, with every build of the SDK; needs or installs Chromium
  check           format, clippy, tidy, licences and fences (cargo-deny)
  proto accept    today's .proto files become those that the next release must understand; refused if they break the last one's
  mixed [REV]     the edge of an earlier release, or of a revision, beside today's cluster, under traffic through both; the last tag
                  v* if none is named; target/reports/mixed.md
  lives [SEEDS]   the simulation of a cluster, whatever befalls it; a thousand seeds
  model [STEPS]   random programs on the reference model and the services; a million steps
  model segments [NAME]  every world of a scope of services/dialog/model (all scopes), or what breaks without a clause
  fuzz [SECONDS]  each fuzz target for so long, 60 s if not said; needs rustup with a nightly toolchain
  servers start DIR [NODES] | stop DIR
                  Cassandra, NATS, Redis and S3 on this machine; prints where they are
  faults [--nodes 3] [NAME ...]
                  what breaks under traffic in a cluster; target/reports/faults.md
  faults [--nodes 3] mixture [SEED] [MINUTES]
                  several faults at once, at times drawn from the seed
  cluster start DIR [--edges N] [--nodes N] [--presences N] | stop DIR
                  a whole cluster: servers and processes of the binary; DIR/sdk.json is what the SDK takes
  cluster sdk [FILTER]
                  the SDK checks in one cluster; target/reports/sdk-cluster.md
  chart           the Helm chart: lint, schemas, its unit tests, wrong values, alert rules; installs what it needs
  chart --write   makes the chart's schema and the table in its README from values.yaml
  chart image [--release | --dist]
                  a static binary, the image of it by buildah, and a start of that; --dist is what is shipped
  k8s [STEP ...]  the chart installed, upgraded, scaled and broken under traffic, in the cluster of KUBECONFIG or in one of its own (root);
                  target/reports/k8s.md
  k8s up | down   a Kubernetes of one real node on this machine, with the image in it; target/tools/k8s/in COMMAND runs in its network
  bench [NAME ...]
                  measurements; a table on stdout, JSON under target/bench/
  bench --cluster [--nodes 3] [NAME ...]
                  a cluster beside one process: messages, hops, edges, members, dialogs, length, storm; `messages=20` is a fifth of it";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    command::go_to_root()?;
    match words.as_slice() {
        ["test"] => test::all(),
        ["test", "--fast"] => test::fast(),
        ["test", "--servers"] => test::with_servers(),
        ["test", "--cql", addresses] => test::on_cql(addresses),
        ["matrix"] => test::matrix(),
        ["check"] => check::all(),
        ["lives"] => lives::live(None),
        ["lives", seeds] => lives::live(Some(seeds)),
        ["model"] => model::run_steps(None),
        ["model", "segments", names @ ..] => model::search_segments(names),
        ["model", steps] => model::run_steps(Some(steps)),
        ["proto", "accept"] => proto::accept(),
        ["mixed"] => mixed::run_beside(None),
        ["mixed", revision] => mixed::run_beside(Some(revision)),
        ["fuzz"] => fuzz::all("60"),
        ["fuzz", seconds] => fuzz::all(seconds),
        ["servers", words @ ..] => servers::run(words),
        ["faults", "--nodes", nodes, "mixture", words @ ..] => faults::mixture(nodes, words),
        ["faults", "mixture", words @ ..] => faults::mixture("1", words),
        ["faults", "--nodes", nodes, names @ ..] => faults::all(nodes, names),
        ["faults", names @ ..] => faults::all("1", names),
        ["cluster", words @ ..] => cluster::run_words(words),
        ["bench", "--cluster", "--nodes", nodes, names @ ..] => bench::run_cluster(nodes, names),
        ["bench", "--cluster", names @ ..] => bench::run_cluster("1", names),
        ["chart", words @ ..] => chart::run_words(words),
        ["k8s", words @ ..] => k8s::run_words(words),
        ["bench", names @ ..] => bench::run(names),
        _ => bail!("{USAGE}"),
    }
}
