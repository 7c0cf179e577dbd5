//! What holds of all services of a process together.

use std::collections::BTreeSet;
use std::sync::Arc;

use natter_console::Examined;
use natter_proto::process::v1::processes_client::ProcessesClient;
use natter_proto::process::v1::{DrainRequest, EdgeState, LookRequest, ResumeRequest};
use natter_rpc::LinkOptions;

use super::*;
use crate::data::DataDir;
use crate::health::Ready;

#[tokio::test]
async fn a_process_of_all_roles_asks_each_limit_that_may_be_set_and_is_ready_while_its_edge_is_not_drained() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data: folder.path().join("data"), actor_threads: 1, ..Config::default() };
    let parts = Parts::embedded(&config, &DataDir::open(&config.data).unwrap()).await.unwrap();
    let services = Services::new(&config, &parts, &Roles::Alone, facts()).unwrap();

    let mut itself = ProcessesClient::new(Link::local(services.itself.server(), LinkOptions::default()));
    let said = itself.look(LookRequest {}).await.unwrap().into_inner();
    let asked: BTreeSet<&str> = said.limits.iter().map(|limit| limit.name.as_str()).collect();
    let settable: BTreeSet<&str> = natter_account::LIMITS.iter().map(|(name, _)| *name).collect();
    assert_eq!(asked, settable);
    // Their names are those of settings, and what they say is what the settings say.
    let settings = toml::Value::try_from(&config).unwrap();
    for limit in &said.limits {
        let value = limit.name.split('.').fold(&settings, |at, part| &at[part]);
        assert_eq!(value.as_integer(), Some(limit.setting as i64), "{}", limit.name);
    }
    for (name, bounds) in natter_account::LIMITS {
        let limit = said.limits.iter().find(|limit| limit.name == name).unwrap();
        assert!(bounds.contains(&limit.setting), "{name}: its default may be set");
    }

    let ready = Ready::of(services.edge.as_ref().map(natter_edge::Service::drains));
    assert!(!ready.get());
    ready.set(true);
    assert!(ready.get());
    let edge = itself.drain(DrainRequest { per_second: 1 }).await.unwrap().into_inner().edge.unwrap();
    assert_eq!((edge.state(), ready.get()), (EdgeState::Drained, false));
    itself.resume(ResumeRequest {}).await.unwrap();
    assert!(ready.get());
}

fn facts() -> Facts {
    let examine = || -> std::pin::Pin<Box<dyn Future<Output = Examined> + Send>> {
        Box::pin(std::future::ready(Examined { at: 0, checks: Vec::new() }))
    };
    Facts {
        host: "localhost".into(),
        ca_pem: None,
        admin_token: "t0ken".into(),
        sdk: SdkFacts {
            api_host: "localhost:8443".into(),
            chat_host: "localhost".into(),
            websocket: "wss://localhost:5291".into(),
            api_url_plain: String::new(),
            chat_url_plain: String::new(),
            ca_path: String::new(),
        },
        system: SystemFacts { version: "1".into(), settings: Vec::new(), examine: Arc::new(examine) },
        logs: Logs::fixed("info"),
    }
}
