//! The page of whom a user knows and whom he keeps out.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::apps::{Shown, shown};
use super::frame::Frame;
use super::show;
use super::users::name_of;
use crate::contacts::{List, action, kinds, lists_of, of, subscription};
use crate::error::Refusal;
use crate::service::Door;
use crate::user_sessions::of_path;
use crate::users;

/// Items of one list on the page. The export has all.
const ITEMS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "contacts.html")]
struct ContactsPage {
    frame: Frame,
    tab: &'static str,
    user_tab: &'static str,
    shown: Shown,
    id: u64,
    contacts: Vec<Contact>,
    lists: Vec<ListShown>,
}

struct Contact {
    user: u64,
    name: String,
    sees: &'static str,
    asks: bool,
}

struct ListShown {
    name: String,
    is_default: bool,
    items: Vec<Item>,
    /// Items that are not shown.
    further: usize,
}

struct Item {
    order: u32,
    action: &'static str,
    /// 0: everybody.
    user: u64,
    in_groups: bool,
    kinds: String,
}

/// `GET /console/apps/{app}/users/{user}/contacts`.
pub async fn list(door: web::Data<Door>, frame: Frame, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = of_path(&door, &path).await?;
    let name = name_of(&users::find(&door, app, user).await?);
    let contacts = of(&door, app, user).await?;
    let contacts = contacts.into_iter().map(|contact| Contact {
        user: contact.user,
        sees: match subscription(&contact) {
            "both" => "each sees the other",
            "to" => "sees the contact",
            "from" => "is seen by the contact",
            _ => "neither sees the other",
        },
        asks: contact.ask,
        name: contact.name,
    });
    let contacts = contacts.collect();
    let lists = lists_of(&door, app, user).await?.into_iter().map(ListShown::of).collect();
    let (shown, frame) = (shown(&door, &path.0).await?, frame.titled(format!("Contacts of {name}")));
    show(&ContactsPage { frame, tab: "users", user_tab: "contacts", shown, id: user.0, contacts, lists })
}

impl ListShown {
    fn of(list: List) -> ListShown {
        let items = list.items.iter().take(ITEMS_MAX).map(|item| Item {
            order: item.order,
            action: action(item),
            user: item.user,
            in_groups: item.in_groups,
            kinds: match kinds(item).join(", ") {
                none if none.is_empty() => "everything".to_owned(),
                kinds => kinds,
            },
        });
        let further = list.items.len().saturating_sub(ITEMS_MAX);
        ListShown { name: list.name, is_default: list.is_default, items: items.collect(), further }
    }
}
