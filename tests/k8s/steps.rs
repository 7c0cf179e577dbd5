//! What is done to a release, one after the other, and what must come of each.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;
use tokio::time::sleep;

use crate::crowd::{Crowd, During};
use crate::kube::Pod;
use crate::release::{CHART, NAME, PREFIX, Place, ROLES, Release};

/// Nothing is done for so long before and after each.
const CALM: Duration = Duration::from_secs(5);
/// Longest wait for pods to come and go.
const PATIENCE: Duration = Duration::from_secs(240);

/// Something that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Nothing,
    Upgraded,
    Evicted,
    EdgeKilled,
    DialogKilled,
    BadRelease,
    Scaled,
}

impl Step {
    pub const ALL: [Step; 7] =
        [Step::Nothing, Step::Upgraded, Step::Evicted, Step::EdgeKilled, Step::DialogKilled, Step::BadRelease, Step::Scaled];

    pub fn name(self) -> &'static str {
        match self {
            Step::Nothing => "nothing done",
            Step::Upgraded => "upgraded",
            Step::Evicted => "evicted",
            Step::EdgeKilled => "edge killed",
            Step::DialogKilled => "dialog killed",
            Step::BadRelease => "bad release",
            Step::Scaled => "scaled out and in",
        }
    }

    /// Whether edges end as they are asked to: nobody is cut off then.
    pub fn is_planned(self) -> bool {
        !matches!(self, Step::EdgeKilled | Step::DialogKilled)
    }

    /// Does it under the crowd's chat. When it was, and what there is to say of it.
    pub async fn take(self, place: &Place, release: &Release, crowd: &Crowd) -> (During, Result<String>) {
        let from = Instant::now();
        let came = self.happen(place, release, crowd, from).await;
        sleep(CALM).await;
        (During { name: self.name(), from, upto: Instant::now() }, came)
    }

    async fn happen(self, place: &Place, release: &Release, crowd: &Crowd, from: Instant) -> Result<String> {
        sleep(CALM).await;
        let came = match self {
            Step::Nothing => {
                sleep(CALM * 2).await;
                "for comparison".to_owned()
            }
            Step::Upgraded => upgrade(release).await?,
            Step::Evicted => evict(release).await?,
            Step::EdgeKilled => kill(place, release, "edge").await?,
            Step::DialogKilled => kill(place, release, "dialog").await?,
            Step::BadRelease => bad_release(place, release).await?,
            Step::Scaled => scale(release).await?,
        };
        let (moves, most) = crowd.moved(from);
        let bound = match self {
            Step::Nothing | Step::BadRelease | Step::DialogKilled => 0,
            Step::Upgraded | Step::EdgeKilled => 1,
            // One pod after the other.
            Step::Evicted | Step::Scaled => 2,
        };
        ensure!(most <= bound, "{came}; a client moved {most} times, {moves} moves in all");
        Ok(came)
    }
}

// What every upgrade says, besides what it changes and how long it may take.
fn upgrading(release: &Release) -> [&str; 7] {
    ["upgrade", NAME, CHART, "-f", &release.values, "--rollback-on-failure", "--wait"]
}

// Every pod of every role is another one afterwards, of the next image.
async fn upgrade(release: &Release) -> Result<String> {
    let kube = &release.kube;
    let mut before = Vec::new();
    for (role, _) in ROLES {
        before.extend(kube.pods(role).await?.into_iter().map(|pod| pod.name));
    }
    let upgraded =
        kube.helm_does(&[&upgrading(release)[..], &["--set", "image.tag=next", "--timeout", "240s"][..]].concat()).await?;
    for (role, count) in ROLES {
        kube.settled(role, count, PATIENCE).await?;
        let stays = kube.pods(role).await?.into_iter().find(|pod| before.contains(&pod.name));
        ensure!(stays.is_none(), "{stays:?} was not rolled");
    }
    Ok(format!("every one of {} pods is another one, in {:.0} s", before.len(), upgraded.took.as_secs_f64()))
}

// As a drain of a node asks: of a role one pod at a time.
async fn evict(release: &Release) -> Result<String> {
    let mut took = Vec::new();
    for role in ["edge", "dialog"] {
        let (count, started) = (count_of(role), Instant::now());
        let pods = release.kube.pods(role).await?;
        let [first, second, ..] = pods.as_slice() else { anyhow::bail!("{role} has {} pods", pods.len()) };
        let (is_granted, said) = release.kube.evict(&first.name).await?;
        ensure!(is_granted, "the eviction of {} is refused: {said}", first.name);
        let (is_granted, said) = release.kube.evict(&second.name).await?;
        ensure!(!is_granted && said.contains("disruption budget"), "the second eviction of {role}: {is_granted}, {said}");
        release.kube.settled(role, count, PATIENCE).await?;
        took.push(format!("{role} {:.0} s until whole again", started.elapsed().as_secs_f64()));
    }
    Ok(format!("the second eviction of a role is refused by its budget; {}", took.join(", ")))
}

// By SIGKILL where the node is this machine, else by taking the pod away without its time to end.
async fn kill(place: &Place, release: &Release, role: &str) -> Result<String> {
    let pods = release.kube.pods(role).await?;
    let pod = pods.first().with_context(|| format!("there is no {role}"))?;
    let started = Instant::now();
    match &place.node {
        Some(node) => kill_container(node, pod).await?,
        None => drop(release.kube.kubectl(&["delete", "pod", &pod.name, "--grace-period=0", "--force"]).await?),
    }
    sleep(Duration::from_secs(1)).await;
    release.kube.settled(role, count_of(role), PATIENCE).await?;
    let took = started.elapsed().as_secs_f64();
    // The clients go on for a while.
    sleep(Duration::from_secs(10)).await;
    Ok(format!("{} was killed, {took:.0} s until {role} was whole again", pod.name))
}

async fn kill_container(node: &Path, pod: &Pod) -> Result<()> {
    let id = pod.container.strip_prefix("containerd://").context("a container of containerd")?;
    let mut ctr = Command::new(node.join("deb/usr/bin/ctr"));
    ctr.arg("-a").arg(node.join("run/containerd.sock")).args(["-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", id]);
    ensure!(ctr.status().await?.success(), "ctr cannot kill {id}");
    Ok(())
}

// One that no migration judges: its edges do not start. Those that run stay, and it is taken back.
async fn bad_release(place: &Place, release: &Release) -> Result<String> {
    let edges = release.kube.pods("edge").await?;
    let revision = revision(release).await?;
    let env = json!([{"name": "NATTER_EDGE__STANZA_BYTES", "value": "none"}]);
    let bad = place.write("bad.json", &json!({"roles": {"edge": {"env": env}}}))?;
    let tag = release.kube.field(&format!("deployment/{PREFIX}-edge"), ".spec.template.spec.containers[0].image").await?;
    let tag = format!("image.tag={}", tag.rsplit(':').next().unwrap_or_default());
    let words = [&upgrading(release)[..], &["-f", &bad, "--set", &tag, "--timeout", "30s"][..]].concat();
    let said = release.kube.helm(&words).await?;
    ensure!(!said.is_done, "a release whose edges do not start is said to be installed");
    release.kube.settled("edge", count_of("edge"), PATIENCE).await?;
    let stay = release.kube.pods("edge").await?;
    ensure!(edges.iter().all(|edge| stay.iter().any(|pod| pod.name == edge.name)), "edges were {edges:?} and are {stay:?}");
    let after = self::revision(release).await?;
    ensure!(after == revision + 2, "revision {revision} became {after}");
    Ok(format!("taken back by itself in {:.0} s, the edges before it served on", said.took.as_secs_f64()))
}

// Out by two, in by three, and as it was.
async fn scale(release: &Release) -> Result<String> {
    let mut took = Vec::new();
    for count in [5, 2, count_of("edge")] {
        let started = Instant::now();
        release.kube.kubectl(&["scale", &format!("deployment/{PREFIX}-edge"), &format!("--replicas={count}")]).await?;
        release.kube.settled("edge", count, PATIENCE).await?;
        took.push(format!("{count} after {:.0} s", started.elapsed().as_secs_f64()));
        sleep(CALM).await;
    }
    Ok(format!("edges: {}", took.join(", ")))
}

async fn revision(release: &Release) -> Result<u64> {
    let said = release.kube.helm_does(&["history", NAME, "-o", "json"]).await?;
    let history: serde_json::Value = serde_json::from_str(&said.out)?;
    let last = history.as_array().and_then(|all| all.last()).context("a release has revisions")?;
    last["revision"].as_u64().context("a revision is a number")
}

fn count_of(role: &str) -> usize {
    ROLES.iter().find(|(name, _)| *name == role).map_or(0, |(_, count)| *count)
}
