//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_db::{Kv, KvOptions};
use natter_proto::push::v1::{Privacy, Settings, Template};

use super::{AlertSettings, Embedded};

#[tokio::test]
async fn what_was_put_last_comes_back_until_it_is_forgotten() {
    on_each_engine(async |kv| {
        let store = Embedded::new(kv.clone());
        assert_eq!(store.get(1).await, Ok(None));
        store.put(1, &settings("first")).await.unwrap();
        store.put(2, &settings("other")).await.unwrap();
        store.put(1, &Settings { privacy: Privacy::Nothing.into(), ..settings("second") }).await.unwrap();
        let next = Embedded::new(kv);
        let second = Settings { privacy: Privacy::Nothing.into(), ..settings("second") };
        assert_eq!((next.get(1).await, next.get(2).await), (Ok(Some(second)), Ok(Some(settings("other")))));
        assert_eq!((next.forget(1).await, next.forget(1).await), (Ok(true), Ok(false)));
        assert_eq!((next.get(1).await, next.get(2).await), (Ok(None), Ok(Some(settings("other")))));
    })
    .await;
}

#[tokio::test]
async fn settings_of_which_nothing_differs_from_the_defaults_are_settings_too() {
    on_each_engine(async |kv| {
        let store = Embedded::new(kv);
        store.put(1, &Settings::default()).await.unwrap();
        assert_eq!(store.get(1).await, Ok(Some(Settings::default())));
        assert_eq!(store.forget(1).await, Ok(true));
    })
    .await;
}

async fn on_each_engine(case: impl AsyncFn(Kv)) {
    case(Kv::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    case(Kv::open(folder.path(), KvOptions::default()).unwrap()).await;
}

fn settings(body: &str) -> Settings {
    Settings { template: Some(Template { body: body.into(), ..Template::default() }), ..Settings::default() }
}
