//! Apache Cassandra from Maven Central: what ScyllaDB's part is tested on where no ScyllaDB can be had.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::set::{Kind, Seat};
use crate::{cql, install, ports};

const ARTIFACT: &str = "cassandra-all";
const VERSION: &str = "5.0.9";
/// Ports of a node: for clients, for its peers. The same on every node, each of which has an address of its own.
const PORTS: usize = 2;
/// Parts of other platforms' native libraries' names.
const FOREIGN: [&str; 6] = ["osx", "macos", "windows", "aarch_64", "riscv64", "kqueue"];

/// Nodes that start at once: each a seed with one token, none asks another for data.
#[derive(Clone, Debug)]
pub struct Cassandra {
    /// The folder of jars.
    pub jars: PathBuf,
    /// Tables are made in half the time, and lost by who is killed: for a set that nobody kills.
    pub is_hasty: bool,
}

impl Cassandra {
    fn marker(&self) -> PathBuf {
        self.jars.join(format!("whole-{VERSION}"))
    }

    // The agent that measures objects, without which a node does not start.
    fn agent(&self) -> Result<PathBuf> {
        let jars = fs::read_dir(&self.jars).with_context(|| format!("no jars in {}", self.jars.display()))?;
        let mut jars = jars.filter_map(Result::ok).map(|entry| entry.path());
        jars.find(|path| name_of(path).starts_with("jamm-")).context("there is no jamm among the jars")
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Kind for Cassandra {
    const NAME: &'static str = "Cassandra";

    fn install(&self) -> Result<()> {
        install::system("java", "-version", "openjdk-17-jre-headless")?;
        if self.marker().exists() {
            return Ok(());
        }
        install::system("mvn", "-version", "maven")?;
        fs::create_dir_all(&self.jars)?;
        let project = self.jars.join("pom.xml");
        fs::write(&project, project_of(ARTIFACT, VERSION))?;
        let copy = ["-q", "-B", "-ntp", "dependency:copy-dependencies", "-DincludeScope=runtime"];
        let to = format!("-DoutputDirectory={}", self.jars.display());
        install::run(Command::new("mvn").args(copy).arg(to).arg("-f").arg(&project))?;
        for entry in fs::read_dir(&self.jars)? {
            let path = entry?.path();
            if FOREIGN.iter().any(|part| name_of(&path).contains(part)) {
                fs::remove_file(path)?;
            }
        }
        self.agent()?;
        Ok(fs::write(self.marker(), "")?)
    }

    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>> {
        let ip = ports::address()?;
        if !ip.is_loopback() {
            ensure!(count == 1, "several nodes need an address each, so they are on loopback");
            return Ok(vec![(ip, ports::free(&[ip], PORTS)?)]);
        }
        // A range of loopback for each set, so that two of them do not meet.
        let third = (std::process::id() % 250) as u8 + 1;
        let ips: Vec<Ipv4Addr> = (1..=count as u8).map(|n| Ipv4Addr::new(127, 9, third, n)).collect();
        let ports = ports::free(&ips, PORTS)?;
        Ok(ips.into_iter().map(|ip| (ip, ports.clone())).collect())
    }

    fn configure(&self, seat: &Seat, all: &[Seat]) -> Result<()> {
        let logging = format!(
            "<configuration><appender name=\"F\" class=\"ch.qos.logback.core.FileAppender\"><file>{}</file><encoder>\
             <pattern>%-5level %date{{ISO8601}} %F:%L - %msg%n</pattern></encoder></appender>\
             <root level=\"INFO\"><appender-ref ref=\"F\"/></root></configuration>\n",
            seat.folder.join("system.log").display(),
        );
        fs::write(seat.folder.join("logback.xml"), logging)?;
        fs::create_dir_all(seat.folder.join("tmp"))?;
        Ok(fs::write(seat.folder.join("cassandra.yaml"), settings(seat, all))?)
    }

    fn command(&self, seat: &Seat) -> Result<Command> {
        let Some(folder) = seat.folder.to_str() else { bail!("{} is no text", seat.folder.display()) };
        let jars = self.jars.display();
        let mut java = Command::new("java");
        java.arg(format!("-javaagent:{}", self.agent()?.display()));
        for package in EXPORTED {
            java.args(["--add-exports", &format!("{package}=ALL-UNNAMED")]);
        }
        for package in OPENED {
            java.args(["--add-opens", &format!("{package}=ALL-UNNAMED")]);
        }
        java.args(MACHINE);
        if self.is_hasty {
            java.arg("-Dcassandra.unsafesystem=true");
        }
        java.args([
            format!("-Djava.io.tmpdir={folder}/tmp"),
            format!("-Dcassandra.config=file://{folder}/cassandra.yaml"),
            format!("-Dcassandra.storagedir={folder}"),
            format!("-Dcassandra.logdir={folder}"),
            format!("-Dlogback.configurationFile={folder}/logback.xml"),
        ]);
        java.args(["-cp", &format!("{jars}/*"), "org.apache.cassandra.service.CassandraDaemon"]);
        Ok(java)
    }

    // It listens before it knows its peers; a driver that came then would see a part of the cluster.
    fn is_ready(&self, seat: &Seat, others: usize) -> Result<bool> {
        Ok(cql::peers(&mut seat.connect(seat.ports[0])?)? == others as u64)
    }
}

fn project_of(artifact: &str, version: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion><groupId>natter</groupId>\
         <artifactId>servers</artifactId><version>1</version><packaging>pom</packaging><dependencies><dependency>\
         <groupId>org.apache.cassandra</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
         </dependency></dependencies></project>\n"
    )
}

// Evenly spread over the ring; the first a little beside its lower end, which is no token.
fn token(index: usize, count: usize) -> i128 {
    let start = i128::from(i64::MIN) + if index == 0 { 2_048 } else { 0 };
    start + index as i128 * (1_i128 << 64) / count as i128
}

fn settings(seat: &Seat, all: &[Seat]) -> String {
    let seeds: Vec<String> = all.iter().map(|seat| seat.ip.to_string()).collect();
    let (folder, ip) = (seat.folder.display(), seat.ip);
    format!(
        "cluster_name: natter
num_tokens: 1
initial_token: {token}
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"{seeds}\"
listen_address: {ip}
rpc_address: {ip}
storage_port: {storage}
ssl_storage_port: {storage}
start_native_transport: true
native_transport_port: {cql}
data_file_directories: [ {folder}/data ]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc_raw
commitlog_sync: periodic
commitlog_sync_period: 10000ms
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_enabled: false
key_cache_size: 4MiB
counter_cache_size: 4MiB
networking_cache_size: 16MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 4
concurrent_compactors: 1
hinted_handoff_enabled: true
dynamic_snitch: false
auto_snapshot: false
read_request_timeout: 10s
write_request_timeout: 10s
cas_contention_timeout: 5s
request_timeout: 20s
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
",
        token = token(seat.index, all.len()),
        seeds = seeds.join(","),
        storage = seat.ports[1],
        cql = seat.ports[0],
    )
}

/// What a small node needs of the virtual machine: it starts soon and stays below half a gibibyte.
const MACHINE: [&str; 17] = [
    "-Djdk.attach.allowAttachSelf=true",
    "-Xms128m",
    "-Xmx640m",
    "-Xss256k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "-Djava.net.preferIPv4Stack=true",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=1000",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.allow_simplestrategy=true",
    "-Dcassandra-foreground=yes",
    "-Dcassandra.jmx.local.port=0",
];

/// What it reaches for within the Java 17 runtime.
const EXPORTED: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "java.base/java.lang.ref",
    "jdk.unsupported/sun.misc",
];
const OPENED: [&str; 16] = [
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.nio",
    "jdk.management/com.sun.management.internal",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spread_evenly_and_stay_on_the_ring() {
        let tokens: Vec<i128> = (0..3).map(|index| token(index, 3)).collect();
        assert!(tokens.iter().all(|token| i64::try_from(*token).is_ok()));
        let gaps = [tokens[1] - tokens[0], tokens[2] - tokens[1]];
        assert!(gaps.iter().all(|gap| (gap - (1_i128 << 64) / 3).abs() <= 2_048), "{gaps:?}");
    }
}
