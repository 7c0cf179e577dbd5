//! The checks that other programs make: Helm's own, the schemas of Kubernetes, the chart's unit tests, the alert rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::CHART;
use super::tools::{Tools, VERSIONS};
use crate::command::run;

/// Kinds of others, whose schemas Kubernetes does not have.
const FOREIGN: &str = "ServiceMonitor,PrometheusRule,Certificate";
const ALERTS: &str = "helm/natter/files/alerts.yaml";
const ALERT_TESTS: &str = "helm/natter/tests/alerts.yaml";

/// The sets of values that the chart is judged with.
pub fn profiles() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(Path::new(CHART).join("profiles")).context("the chart has no profiles")?;
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.sort();
    ensure!(found.len() >= 4, "only {} profiles", found.len());
    Ok(found)
}

/// `helm lint --strict`.
pub fn lint(tools: &Tools, profile: &Path) -> Result<()> {
    run(tools.helm().args(["lint", "--strict", "--quiet", CHART, "-f"]).arg(profile))
}

/// Every object of a profile, in a file.
pub fn render(tools: &Tools, profile: &Path) -> Result<PathBuf> {
    let output = tools.helm().args(["template", "chat", CHART, "--namespace", "talk", "-f"]).arg(profile).output()?;
    ensure!(output.status.success(), "{}: {}", profile.display(), String::from_utf8_lossy(&output.stderr));
    let file = tools.scratch()?.join(profile.file_name().context("a profile is a file")?);
    fs::write(&file, output.stdout)?;
    Ok(file)
}

/// The schemas of each version of Kubernetes, strictly.
pub fn schemas(tools: &Tools, rendered: &Path) -> Result<()> {
    for version in VERSIONS {
        let location = format!("{}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", tools.schemas_of(version).display());
        let mut judge = Command::new(tools.named("kubeconform"));
        judge.args(["-strict", "-summary", "-skip", FOREIGN, "-schema-location", &location]).arg(rendered);
        run(&mut judge)?;
    }
    Ok(())
}

/// helm-unittest, with every file of `tests/*_test.yaml`.
pub fn unit_tests(tools: &Tools) -> Result<()> {
    run(Command::new(tools.named("untt")).args(["--strict", "--file", "tests/*_test.yaml", CHART]))
}

/// The alert rules, and what they say of series that are written down.
pub fn alerts(tools: &Tools) -> Result<()> {
    let promtool = tools.named("promtool");
    run(Command::new(&promtool).args(["check", "rules", ALERTS]))?;
    run(Command::new(&promtool).args(["test", "rules", ALERT_TESTS]))
}

/// The compose file, by the schema of its kind. Nothing of it is started: no registry of images is reached here.
pub fn compose(tools: &Tools) -> Result<()> {
    let judge = "import json, sys, yaml, jsonschema\n\
                 schema, file = json.load(open(sys.argv[1])), yaml.safe_load(open(sys.argv[2]))\n\
                 wrong = [f'{list(error.path)}: {error.message}' for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(file)]\n\
                 sys.exit('; '.join(wrong) or 0)";
    run(Command::new(tools.python()).args(["-c", judge]).arg(tools.compose_schema()).arg("deploy/compose.yaml"))
}

/// Every file of settings that a profile renders, read by the binary.
pub fn settings(tools: &Tools, rendered: &Path, binary: &Path) -> Result<()> {
    let text = fs::read_to_string(rendered)?;
    let file = tools.scratch()?.join("settings.toml");
    let mut count = 0;
    for part in text.split(".toml: |\n").skip(1) {
        let lines = part.lines().take_while(|line| line.starts_with("    ") || line.is_empty());
        let settings: String = lines.map(|line| format!("{}\n", line.trim())).collect();
        fs::write(&file, &settings)?;
        let output = Command::new(binary).args(["config", "--check", "--config"]).arg(&file).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: natter does not read what is rendered: {said}\n{settings}", rendered.display());
        count += 1;
    }
    ensure!(count > 1, "{}: no settings were found", rendered.display());
    Ok(())
}

/// The values with these on top, rendered or refused: what Helm says.
pub fn refusal(tools: &Tools, profile: &Path, set: &[&str]) -> Result<String> {
    let mut helm = tools.helm();
    helm.args(["template", "chat", CHART, "-f"]).arg(profile);
    for pair in set {
        helm.args(["--set-json", pair]);
    }
    let output = helm.output()?;
    if output.status.success() {
        bail!("{} is taken", set.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
