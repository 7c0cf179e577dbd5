//! What is asked of presence on behalf of a client: last activity, subscriptions to it, contacts, privacy lists.

use natter_proto::Failure;
use natter_proto::presence::v1::{
    ContactsReply, ContactsRequest, LastActivityRequest, PrivacyListRequest, PrivacyListsRequest, RemoveContactRequest,
    SetContactRequest, SetDefaultPrivacyListRequest, SetInactiveRequest, SetPrivacyListRequest, SubscribeRequest, WatchRequest,
};

use super::{Caller, Links};
use crate::session::{Answered, Query};

impl Links {
    pub(super) async fn query(&self, caller: &Caller, query: Query) -> Result<Answered, Failure> {
        let (app, user, mut presence) = (caller.app, caller.user, self.presence.clone());
        match query {
            Query::LastActivity(of) => {
                let request = LastActivityRequest { app, user: of.0, asker: user };
                Ok(Answered::LastActivity(presence.last_activity(request).await?.into_inner().seen_at))
            }
            Query::Watch { user: watched, enable } => {
                let session = Some(caller.session.clone());
                let request = WatchRequest { app, user, session, watched: watched.0, enable };
                let ask = || {
                    let (mut presence, request) = (self.presence.clone(), request.clone());
                    async move { presence.watch(request).await }
                };
                self.insist("watch", ask).await.map(|_| Answered::Done)
            }
            Query::SetInactive(inactive) => {
                let request = SetInactiveRequest { app, user, session: Some(caller.session.clone()), inactive };
                let ask = || {
                    let (mut presence, request) = (self.presence.clone(), request.clone());
                    async move { presence.set_inactive(request).await }
                };
                self.insist("set_inactive", ask).await.map(|_| Answered::Done)
            }
            Query::Contacts => {
                let ContactsReply { contacts, revision } = presence.contacts(ContactsRequest { app, user }).await?.into_inner();
                Ok(Answered::Contacts { contacts, revision })
            }
            Query::SetContact { user: contact, name } => {
                let request = SetContactRequest { app, user, contact: contact.0, name };
                Ok(presence.set_contact(request).await.map(|_| Answered::Done)?)
            }
            Query::RemoveContact(contact) => {
                let request = RemoveContactRequest { app, user, contact: contact.0 };
                Ok(presence.remove_contact(request).await.map(|_| Answered::Done)?)
            }
            Query::Subscribe { user: contact, kind } => {
                let request = SubscribeRequest { app, user, contact: contact.0, kind: kind.into() };
                let ask = || {
                    let mut presence = self.presence.clone();
                    async move { presence.subscribe(request).await }
                };
                self.insist("subscribe", ask).await.map(|_| Answered::Done)
            }
            Query::PrivacyLists => {
                let reply = presence.privacy_lists(PrivacyListsRequest { app, user }).await?.into_inner();
                Ok(Answered::PrivacyLists { names: reply.names, default: reply.default })
            }
            Query::PrivacyList(name) => {
                let request = PrivacyListRequest { app, user, name: name.clone() };
                let items = presence.privacy_list(request).await?.into_inner().items;
                Ok(Answered::PrivacyList { name, items })
            }
            Query::SetPrivacyList { name, items } => {
                let request = SetPrivacyListRequest { app, user, name, items };
                Ok(presence.set_privacy_list(request).await.map(|_| Answered::Done)?)
            }
            Query::SetDefaultList(name) => {
                let request = SetDefaultPrivacyListRequest { app, user, name };
                Ok(presence.set_default_privacy_list(request).await.map(|_| Answered::Done)?)
            }
        }
    }
}
