//! The programs that judge the chart, at fixed versions under `target/tools/chart`, from the registries of Go, Python and Debian.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{answers, run, target};
use crate::golang;

const HELM: (&str, &str) = ("helm.sh/helm/v4/cmd/helm", "v4.3.1");
const KUBECONFORM: (&str, &str) = ("github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0");
const UNITTEST: (&str, &str) = ("github.com/helm-unittest/helm-unittest", "v1.1.2");
const COMPOSE: (&str, &str) = ("github.com/compose-spec/compose-go/v2", "v2.16.2");
/// Brings `jsonschema` and a reader of YAML too.
const SCHEMAS: &str = "kubernetes-validate==1.37.0";
/// The oldest Kubernetes that the chart takes, and the one that it is installed on for real.
pub const VERSIONS: [&str; 2] = ["1.30", "1.34"];

/// Where they are.
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Brings what is not there yet. On a machine with nothing: about three minutes of two cores.
    ///
    /// # Errors
    /// Go or Python is missing, which is then named, or a registry does not answer.
    pub fn install() -> Result<Tools> {
        let folder = target()?.join("tools/chart");
        fs::create_dir_all(folder.join("bin"))?;
        let tools = Tools { folder };
        if !answers("go", "version") {
            bail!("the checks of the chart need Go 1.26 or later on the PATH: helm and its tests are built with it");
        }
        if !answers("python3", "--version") {
            bail!("the checks of the chart need Python 3 with venv on the PATH (Debian: apt-get install python3-venv)");
        }
        for (name, module) in [("kubeconform", KUBECONFORM), ("helm", HELM)] {
            golang::install(&tools.folder.join("bin"), name, module)?;
        }
        tools.unittest()?;
        tools.promtool()?;
        tools.schemas()?;
        Ok(tools)
    }

    /// A program that was brought, or that is on the PATH anyway.
    pub fn named(&self, name: &str) -> PathBuf {
        let brought = self.program(name);
        if brought.exists() { brought } else { name.into() }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Helm, which shall find nothing of whoever runs it.
    pub fn helm(&self) -> Command {
        let mut helm = Command::new(self.program("helm"));
        let home = self.folder.join("home");
        helm.env("HELM_CACHE_HOME", &home).env("HELM_CONFIG_HOME", &home).env("HELM_DATA_HOME", &home);
        helm.env_remove("KUBECONFIG");
        helm
    }

    /// The folder of the schemas of a version of Kubernetes.
    pub fn schemas_of(&self, version: &str) -> PathBuf {
        self.folder.join("schemas").join(version)
    }

    /// A folder for what is rendered.
    pub fn scratch(&self) -> Result<PathBuf> {
        let folder = self.folder.join("rendered");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A Python that judges a YAML file by a JSON schema.
    pub fn python(&self) -> PathBuf {
        self.folder.join("python/bin/python")
    }

    /// The schema of compose files.
    pub fn compose_schema(&self) -> PathBuf {
        self.folder.join("compose-spec.json")
    }

    fn unittest(&self) -> Result<()> {
        let program = self.program("untt");
        if program.exists() {
            return Ok(());
        }
        let own = self.folder.join("untt");
        let all = |text: &str| text.lines().filter(|line| !line.starts_with("module ")).map(str::to_owned).collect();
        golang::wrap(&own, UNITTEST, all)?;
        let package = format!("{}/cmd/helm-unittest", UNITTEST.0);
        let mut build = golang::go(&self.folder.join("bin"));
        build.args(["build", "-mod=mod", "-ldflags", "-s -w", "-o"]).arg(program).arg(package).current_dir(own);
        run(&mut build)
    }

    // From Debian's package, unpacked and not installed: nothing of it is started.
    fn promtool(&self) -> Result<()> {
        if self.program("promtool").exists() || answers("promtool", "--version") {
            return Ok(());
        }
        if !answers("apt-get", "--version") {
            bail!("the checks of the alert rules need promtool on the PATH (Debian: apt-get install prometheus)");
        }
        let folder = self.folder.join("deb");
        fs::create_dir_all(&folder)?;
        let download = || run(Command::new("apt-get").args(["download", "-qq", "prometheus"]).current_dir(&folder));
        if download().is_err() {
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            download()?;
        }
        let package = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let package = package.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        run(Command::new("dpkg").arg("-x").arg(package.context("apt-get downloaded nothing")?).arg(&folder))?;
        fs::copy(folder.join("usr/bin/promtool"), self.program("promtool"))?;
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    // The package has absolute addresses in its schemas, which kubeconform would look up; they are made relative.
    fn schemas(&self) -> Result<()> {
        if VERSIONS.iter().all(|version| self.schemas_of(version).exists()) && self.compose_schema().exists() {
            return Ok(());
        }
        let python = self.python();
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.folder.join("python")))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMAS]))?;
        let asked = "import kubernetes_validate, pathlib; print(pathlib.Path(kubernetes_validate.__file__).parent)";
        let said = Command::new(&python).args(["-c", asked]).output()?;
        let package = PathBuf::from(String::from_utf8(said.stdout)?.trim());
        for version in VERSIONS {
            let (source, folder) =
                (package.join(format!("kubernetes-json-schema/v{version}.0-local-strict")), self.schemas_of(version));
            let beside = folder.with_extension("new");
            fs::create_dir_all(&beside)?;
            for entry in fs::read_dir(&source).with_context(|| format!("{SCHEMAS} has no schemas of {version}"))? {
                let entry = entry?;
                let text = fs::read_to_string(entry.path())?;
                let text = text.replace("\"/api/_definitions.json#", "\"_definitions.json#");
                let text = text.replace("\"$id\": \"https://kubernetes.io", "\"$comment\": \"");
                fs::write(beside.join(entry.file_name()), text)?;
            }
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::rename(&beside, &folder)?;
        }
        let (_, compose) = golang::find(COMPOSE)?;
        fs::write(self.compose_schema(), fs::read(compose.join("schema/compose-spec.json"))?)?;
        Ok(())
    }
}
