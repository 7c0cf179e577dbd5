//! `mode: all`: the single process with a volume, installed, tried, upgraded, tried again.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::kube::Kube;
use crate::release::{CHART, NAME, PREFIX, Place};

/// Installs and upgrades it. How long each took.
pub async fn try_out(place: &Place) -> Result<String> {
    let kube = Kube::begin("natter-all").await?;
    let said = in_namespace(place, &kube).await;
    kube.remove().await?;
    if place.node.is_some() {
        kube.kubectl(&["delete", "persistentvolume", VOLUME, "--ignore-not-found"]).await?;
    }
    said
}

const VOLUME: &str = "natter-all";

async fn in_namespace(place: &Place, kube: &Kube) -> Result<String> {
    let mut values = place.values();
    if place.node.is_some() {
        volume(place, kube).await?;
        values["all"]["volume"] = json!({"size": "1Gi", "storageClassName": "manual"});
    }
    let values = place.write("all.json", &values)?;
    let installed = kube.helm_does(&["install", NAME, CHART, "-f", &values, "--wait", "--timeout", "180s"]).await?;
    let first = kube.helm_does(&["test", NAME, "--timeout", "60s"]).await?;
    let app = first_app(kube).await?;
    let words =
        ["upgrade", NAME, CHART, "-f", &values, "--set", "all.pod.podAnnotations.turn=second", "--rollback-on-failure", "--wait"];
    let upgraded = kube.helm_does(&words).await?;
    kube.helm_does(&["test", NAME, "--timeout", "60s"]).await?;
    ensure!(first_app(kube).await? == app, "the app of before the upgrade is not there");
    kube.helm_does(&["uninstall", NAME, "--wait", "--timeout", "120s"]).await?;
    Ok(format!(
        "installed in {:.0} s, `helm test` {:.0} s, upgraded in {:.0} s and what it kept is there; no warning of Pod Security \"restricted\"",
        installed.took.as_secs_f64(),
        first.took.as_secs_f64(),
        upgraded.took.as_secs_f64()
    ))
}

// Nobody makes volumes on a node of our own.
async fn volume(place: &Place, kube: &Kube) -> Result<()> {
    let folder = place.folder.join("volume");
    std::fs::create_dir_all(&folder)?;
    std::os::unix::fs::chown(&folder, Some(65_532), Some(65_532))?;
    kube.kubectl(&["delete", "persistentvolume", VOLUME, "--ignore-not-found"]).await?;
    let spec = json!({
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "manual",
        "hostPath": {"path": folder.display().to_string()},
    });
    kube.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": VOLUME}, "spec": spec})).await
}

// The keys of the app that the first start made.
async fn first_app(kube: &Kube) -> Result<Value> {
    let said = kube.kubectl(&["exec", &format!("{PREFIX}-0"), "--", "/natter", "sdk-config", "--json"]).await?;
    let said: Value = serde_json::from_str(&said)?;
    said.get("credentials").cloned().context("an app has credentials")
}
