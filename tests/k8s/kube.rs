//! A namespace of the cluster, by `kubectl` and `helm`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

/// What Pod Security says of a pod that it only warns of.
const WARNS: &str = "would violate PodSecurity";
const STEP: Duration = Duration::from_millis(250);

/// What a program printed.
#[derive(Debug)]
pub struct Said {
    pub is_done: bool,
    pub out: String,
    pub errors: String,
    pub took: Duration,
}

/// A pod that was looked at.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    /// `containerd://...`
    pub container: String,
    pub is_ready: bool,
}

/// A namespace, in which pods are held to Pod Security "restricted".
#[derive(Clone)]
pub struct Kube {
    pub namespace: String,
}

impl Kube {
    /// With nothing of an earlier run in it.
    pub async fn begin(namespace: &str) -> Result<Kube> {
        let kube = Kube { namespace: namespace.to_owned() };
        kube.remove().await?;
        let labels = ["enforce", "warn"].map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!("restricted")));
        let labels: serde_json::Map<String, Value> = labels.into_iter().collect();
        kube.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})).await?;
        Ok(kube)
    }

    /// The namespace and all that is in it.
    pub async fn remove(&self) -> Result<()> {
        self.kubectl(&["delete", "namespace", &self.namespace, "--ignore-not-found", "--timeout=180s"]).await?;
        Ok(())
    }

    pub async fn kubectl(&self, words: &[&str]) -> Result<String> {
        let said = self.run("kubectl", words, None).await?;
        ensure!(said.is_done, "kubectl {}: {}", words.join(" "), said.errors.trim());
        Ok(said.out)
    }

    /// `helm`, which must not be warned of a pod.
    pub async fn helm(&self, words: &[&str]) -> Result<Said> {
        let said = self.run("helm", words, None).await?;
        ensure!(!said.errors.contains(WARNS) && !said.out.contains(WARNS), "helm {}: {}", words.join(" "), said.errors);
        Ok(said)
    }

    /// The same, which has to succeed.
    pub async fn helm_does(&self, words: &[&str]) -> Result<Said> {
        let said = self.helm(words).await?;
        ensure!(said.is_done, "helm {}: {} {}\n{}", words.join(" "), said.errors.trim(), said.out.trim(), self.look().await);
        Ok(said)
    }

    /// Makes or changes an object.
    pub async fn apply(&self, object: &Value) -> Result<()> {
        let said = self.run("kubectl", &["apply", "-f", "-"], Some(object.to_string())).await?;
        ensure!(said.is_done, "{object}: {}", said.errors.trim());
        Ok(())
    }

    /// The pods of a role that are not about to end.
    pub async fn pods(&self, role: &str) -> Result<Vec<Pod>> {
        let selector = format!("app.kubernetes.io/name=natter,app.kubernetes.io/component={role}");
        let said: Value = serde_json::from_str(&self.kubectl(&["get", "pods", "-l", &selector, "-o", "json"]).await?)?;
        let pods = said["items"].as_array().context("a list of pods")?.iter();
        let pod = |pod: &Value| {
            let status = &pod["status"]["containerStatuses"][0];
            Some(Pod {
                name: pod["metadata"]["name"].as_str()?.to_owned(),
                container: status["containerID"].as_str().unwrap_or_default().to_owned(),
                is_ready: status["ready"] == true,
            })
        };
        Ok(pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).filter_map(pod).collect())
    }

    /// Until a role has so many pods and all are ready, and none of it is about to end.
    pub async fn settled(&self, role: &str, count: usize, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        let selector = format!("app.kubernetes.io/name=natter,app.kubernetes.io/component={role}");
        loop {
            let pods = self.pods(role).await?;
            let all = self.kubectl(&["get", "pods", "-l", &selector, "-o", "name"]).await?.lines().count();
            if pods.len() == count && all == count && pods.iter().all(|pod| pod.is_ready) {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("{role} does not settle on {count} pods: {pods:?}\n{}", self.look().await);
            }
            sleep(STEP).await;
        }
    }

    /// Asks for the end of a pod as a drain of its node does. Whether it is granted, and what was answered.
    pub async fn evict(&self, pod: &str) -> Result<(bool, String)> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", self.namespace);
        let metadata = json!({"name": pod, "namespace": self.namespace});
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
        let said = self.run("kubectl", &["create", "--raw", &path, "-f", "-"], Some(eviction.to_string())).await?;
        Ok((said.is_done, said.errors.trim().to_owned()))
    }

    /// A field of an object, as a JSONPath says.
    pub async fn field(&self, object: &str, path: &str) -> Result<String> {
        self.kubectl(&["get", object, "-o", &format!("jsonpath={{{path}}}")]).await
    }

    /// What there is to see, for whoever reads of a failure.
    pub async fn look(&self) -> String {
        let pods = self.kubectl(&["get", "pods", "-o", "wide"]).await.unwrap_or_default();
        let events = self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).await.unwrap_or_default();
        let last: Vec<&str> = events.lines().rev().take(15).collect();
        let said =
            self.kubectl(&["logs", "-l", "app.kubernetes.io/instance=chat", "--prefix", "--tail=3"]).await.unwrap_or_default();
        format!("{pods}\n{}\n{said}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    async fn run(&self, program: &str, words: &[&str], input: Option<String>) -> Result<Said> {
        let started = Instant::now();
        let mut command = Command::new(program);
        command.args(["--namespace", &self.namespace]).args(words);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            tokio::io::AsyncWriteExt::write_all(&mut stdin, text.as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said {
            is_done: output.status.success(),
            out: text(output.stdout),
            errors: text(output.stderr),
            took: started.elapsed(),
        })
    }
}
