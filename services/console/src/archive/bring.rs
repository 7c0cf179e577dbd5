//! What rows of each kind become: a call to the service that keeps them, and its answer in the report.

use natter_proto::account::v1::{App, TakeAppRequest, TakeUsersRequest};
use natter_proto::archive::v1::{Clash, Taken};
use natter_proto::dialog::v1::{TakeDialogRequest, TakeRowsRequest, TakeStatesRequest};
use natter_proto::presence::v1::{PrivacyListsRequest, SetDefaultPrivacyListRequest, SetPrivacyListRequest, TakeViewsRequest};
use natter_proto::push::v1::{ListRequest as ListDevicesRequest, SubscribeRequest};
use serde_json::Value;

use super::import::{Batch, Import};
use super::lines::{AlertsLine, DeviceLine, DialogLine, ListLine};
use crate::alerts::{self, settings::Settings};
use crate::error::Refusal;

impl Import {
    pub async fn bring(&mut self, batch: Batch) -> Result<(), Refusal> {
        let (dry, archives) = (self.dry, self.door.archives.clone());
        let line = self.line;
        let (kind, reply) = match batch {
            Batch::Nothing => return Ok(()),
            Batch::Users(app, users) => ("user", archives.users().take_users(TakeUsersRequest { app, users, dry }).await),
            Batch::Views(app, user, views) => {
                ("contact", archives.contacts().take_views(TakeViewsRequest { app, user, views, dry }).await)
            }
            Batch::Rows(app, dialog, rows) => {
                let request = TakeRowsRequest { app, dialog: dialog.clone(), rows, dry };
                let reply = archives.dialogs().take_rows(request).await;
                if reply.as_ref().is_ok_and(|reply| !reply.get_ref().clashes.is_empty()) {
                    self.clashed = Some((app, dialog));
                }
                ("message", reply)
            }
            Batch::States(app, dialog, states) => {
                let request = TakeStatesRequest { app, dialog, states, reactions: Vec::new(), dry };
                ("state", archives.dialogs().take_states(request).await)
            }
            Batch::Reactions(app, dialog, reactions) => {
                let request = TakeStatesRequest { app, dialog, states: Vec::new(), reactions, dry };
                ("reactions", archives.dialogs().take_states(request).await)
            }
        };
        let taken = reply.map_err(|status| self.failed(&status.into()))?.into_inner();
        // The line that made room for itself is not among them.
        self.report.add(kind, line.saturating_sub(1).max(1), taken);
        Ok(())
    }

    pub async fn bring_app(&mut self, app: App) -> Result<(), Refusal> {
        let request = TakeAppRequest { app: app.id, row: Some(app), dry: self.dry };
        let taken = self.door.archives.users().take_app(request).await.map_err(|status| self.failed(&status.into()))?;
        let taken = taken.into_inner();
        if let Some(Clash { what, text }) = taken.clashes.first() {
            // All that follows is of that app.
            return Err(self.at_line(format!("{what}: {text}")));
        }
        self.report.add("app", self.line, taken);
        Ok(())
    }

    /// What is as nobody has put it becomes what is brought; anything else stays.
    pub async fn bring_alerts(&mut self, line: AlertsLine) -> Result<(), Refusal> {
        self.hand_over().await?;
        let AlertsLine { app, settings } = line;
        let shown = |settings: &Settings| serde_json::to_value(settings).unwrap_or(Value::Null);
        let (brought, usual) = (shown(&settings), shown(&Settings::default()));
        let there = shown(&alerts::kept(&self.door, app).await.map_err(|refusal| self.failed(&refusal))?.into());
        let taken = if there == brought {
            same()
        } else if there == usual {
            if !self.dry {
                alerts::keep(&self.door, app, settings.into()).await.map_err(|refusal| self.failed(&refusal))?;
            }
            taken()
        } else {
            clash(format!("alerts of app {app}"), "are set otherwise here")
        };
        self.report.add("alerts", self.line, taken);
        Ok(())
    }

    pub async fn bring_list(&mut self, line: ListLine) -> Result<(), Refusal> {
        self.hand_over().await?;
        let taken = self.take_list(line).await.map_err(|refusal| self.failed(&refusal))?;
        self.report.add("privacy_list", self.line, taken);
        Ok(())
    }

    async fn take_list(&self, line: ListLine) -> Result<Taken, Refusal> {
        let ListLine { app, user, name, is_default, items } = line;
        let there = self.door.presence().privacy_lists(PrivacyListsRequest { app, user }).await?.into_inner();
        let becomes_default = is_default == Some(true) && there.default.is_none();
        let is_there = there.names.contains(&name);
        if is_there && !becomes_default {
            return Ok(same());
        }
        if !self.dry {
            if !is_there {
                let items = items.into_iter().map(Into::into).collect();
                let request = SetPrivacyListRequest { app, user, name: name.clone(), items };
                self.door.presence().set_privacy_list(request).await?;
            }
            if becomes_default {
                let request = SetDefaultPrivacyListRequest { app, user, name: Some(name) };
                self.door.presence().set_default_privacy_list(request).await?;
            }
        }
        Ok(taken())
    }

    pub async fn bring_device(&mut self, line: DeviceLine) -> Result<(), Refusal> {
        self.hand_over().await?;
        let taken = self.take_device(line.into()).await.map_err(|refusal| self.failed(&refusal))?;
        self.report.add("device", self.line, taken);
        Ok(())
    }

    async fn take_device(&self, device: SubscribeRequest) -> Result<Taken, Refusal> {
        let request = ListDevicesRequest { app: device.app, user: device.user };
        let there = self.door.push().list(request).await?.into_inner().subscriptions;
        let is_it = there.iter().any(|one| {
            let key = (one.channel, one.environment, &one.udid, &one.bundle);
            key == (device.channel, device.environment, &device.udid, &device.bundle)
        });
        if is_it {
            return Ok(same());
        }
        if !self.dry {
            self.door.push().subscribe(device).await?;
        }
        Ok(taken())
    }

    pub async fn bring_dialog(&mut self, app: u64, id: Vec<u8>, line: DialogLine) -> Result<(), Refusal> {
        let request = TakeDialogRequest { app, dialog: id.clone(), row: Some(line.into_row(id.clone())), dry: self.dry };
        let taken = self.door.archives.dialogs().take_dialog(request).await.map_err(|status| self.failed(&status.into()))?;
        let taken = taken.into_inner();
        if !taken.clashes.is_empty() {
            self.clashed = Some((app, id));
        }
        self.report.add("dialog", self.line, taken);
        Ok(())
    }
}

fn taken() -> Taken {
    Taken { taken: 1, ..Taken::default() }
}

fn same() -> Taken {
    Taken { same: 1, ..Taken::default() }
}

fn clash(what: String, text: &str) -> Taken {
    Taken { clashes: vec![Clash { what, text: text.to_owned() }], ..Taken::default() }
}
