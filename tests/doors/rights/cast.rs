//! Who is in the scenes of one row: the users of an app of their own, each with a session and, when it is asked for, a
//! connection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Account, http};
use natter_tests::process::Natter;
use natter_tests::rights::Column;
use serde_json::json;

use crate::raw::{Over, Raw};
use crate::rest::{Person, Rest};

const APPS_FROM: u64 = 1_000;

/// A part that somebody plays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    Owner,
    Admin,
    Member,
    /// A member who asks nothing: who sees and hears what happens.
    Witness,
    Former,
    Guest,
}

impl Who {
    /// Who asks in a column, if it is a user of the scene's app.
    pub fn of(column: Column) -> Option<Who> {
        match column {
            Column::Guest => Some(Who::Guest),
            Column::Former => Some(Who::Former),
            Column::Member => Some(Who::Member),
            Column::Admin => Some(Who::Admin),
            Column::Owner => Some(Who::Owner),
            Column::Nobody | Column::App | Column::Other => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Who::Owner => "owner",
            Who::Admin => "admin",
            Who::Member => "member",
            Who::Witness => "witness",
            Who::Former => "former",
            Who::Guest => "guest",
        }
    }
}

/// The process that all rows share, and the user of another app.
pub struct House {
    natter: Natter,
    console: reqwest::Client,
    console_token: String,
    pub rest: Rest,
    count: AtomicU64,
}

impl House {
    pub async fn open() -> Result<House> {
        let settings = [
            "api.user_rate=100000",
            "api.app_rate=100000",
            "dialog.app_rate=100000",
            "account.guesses_user_max=100000",
            "account.guesses_address_max=100000",
            "account.argon2.memory_kib=8",
            "account.argon2.passes=1",
            "account.index_apps_max=1000",
        ];
        let natter = Natter::start(&settings).await?;
        let console_token = std::fs::read_to_string(natter.data().join("admin.token")).context("no admin token")?;
        let rest = Rest::of(&natter, 1)?;
        Ok(House { natter, console: http()?, console_token: console_token.trim().to_owned(), rest, count: AtomicU64::new(1) })
    }

    /// A number that nothing else has.
    pub fn fresh(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// A new app. Rows make theirs at the same time, so each takes a number of its own.
    async fn app(&self) -> Result<Rest> {
        let id = APPS_FROM + self.fresh();
        let url = format!("http://localhost:{}/admin/v1/apps", self.natter.ports.console);
        let request = self.console.post(url).bearer_auth(&self.console_token).json(&json!({ "id": id }));
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "no app: {}", answer.status());
        self.rest.for_app(&answer.json().await?)
    }

    /// A connection on which nothing was said.
    pub async fn connect(&self) -> Result<Raw> {
        Raw::connect(Over::WebSocket, self.natter.ports.ws).await
    }

    /// How many stanzas of each kind the edge has counted.
    pub async fn stanzas(&self) -> Result<BTreeMap<String, u64>> {
        let url = format!("http://127.0.0.1:{}/metrics", self.natter.ports.health);
        let text = self.console.get(url).send().await?.text().await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("natter_edge_stanzas_total{kind=\""));
        let pairs = lines.filter_map(|line| line.split_once("\"} "));
        pairs.map(|(kind, count)| Ok((kind.to_owned(), count.trim().parse()?))).collect()
    }
}

/// The users of one row.
pub struct Cast<'a> {
    pub house: &'a House,
    pub rest: Rest,
    app_token: String,
    people: BTreeMap<Who, Person>,
    /// Of another app.
    pub other: Person,
    other_rest: Rest,
    connections: BTreeMap<Who, Raw>,
    other_connection: Option<Raw>,
}

impl<'a> Cast<'a> {
    pub async fn new(house: &'a House) -> Result<Cast<'a>> {
        let (rest, other_rest) = (house.app().await?, house.app().await?);
        let app_token = rest.app_token().await?;
        let other = other_rest.sign_up(&format!("other{}", house.fresh())).await?;
        let (people, connections) = (BTreeMap::new(), BTreeMap::new());
        Ok(Cast { house, rest, app_token, people, other, other_rest, connections, other_connection: None })
    }

    /// The user who plays this, who may have been signed up just now.
    pub async fn person(&mut self, who: Who) -> Result<&Person> {
        if !self.people.contains_key(&who) {
            let number = self.house.fresh();
            let login = format!("{}{number}", who.name());
            let mut user = json!({});
            if who == Who::Owner {
                user = json!({
                    "full_name": login, "email": format!("{login}@example.test"),
                    "phone": phone(number), "facebook_id": format!("f-{login}"), "twitter_id": format!("t-{login}"),
                    "external_id": format!("e-{login}"), "tag_list": format!("tag{login}"),
                });
            }
            let person = self.rest.sign_up_as(&self.app_token, &login, user).await?;
            self.people.insert(who, person);
        }
        self.people.get(&who).context("was just signed up")
    }

    pub async fn id(&mut self, who: Who) -> Result<u64> {
        Ok(self.person(who).await?.account.user)
    }

    pub async fn token(&mut self, who: Who) -> Result<String> {
        Ok(self.person(who).await?.token.clone())
    }

    /// The token of a column; none: nobody's.
    pub async fn token_of(&mut self, column: Column) -> Result<Option<String>> {
        Ok(match (column, Who::of(column)) {
            (_, Some(who)) => Some(self.token(who).await?),
            (Column::App, _) => Some(self.app_token.clone()),
            (Column::Other, _) => Some(self.other.token.clone()),
            _ => None,
        })
    }

    /// These users are others from now on.
    pub fn replace(&mut self, who: &[Who]) {
        self.people.retain(|one, _| !who.contains(one));
        self.connections.retain(|one, _| !who.contains(one));
    }

    /// Everybody is another from now on, the app session and the user of the other app too.
    pub async fn replace_all(&mut self) -> Result<()> {
        *self = Cast::new(self.house).await?;
        Ok(())
    }

    /// A connection of the user, signed in and available. Given back by [`Cast::keep`].
    pub async fn connection(&mut self, who: Who) -> Result<Raw> {
        if let Some(connection) = self.connections.remove(&who) {
            return Ok(connection);
        }
        let account = self.person(who).await?.account.clone();
        self.signed_in(&account).await
    }

    pub fn keep(&mut self, who: Who, connection: Raw) {
        self.connections.insert(who, connection);
    }

    pub async fn other_connection(&mut self) -> Result<Raw> {
        match self.other_connection.take() {
            Some(connection) => Ok(connection),
            None => self.signed_in(&self.other.account).await,
        }
    }

    pub fn keep_other(&mut self, connection: Raw) {
        self.other_connection = Some(connection);
    }

    /// With stream management, whose answers say that what was sent before is done. Frames reach the session from here on: what is
    /// asked of rooms is answered once presence knows it.
    async fn signed_in(&self, account: &Account) -> Result<Raw> {
        let mut raw = self.house.connect().await?;
        raw.open().await?;
        raw.sign_in(account).await?;
        raw.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
        raw.expect("<enabled").await?;
        let no_room = format!("{}_{}@muc.localhost", account.app, "a".repeat(24));
        raw.send(&who_is_there(&no_room, "announced")).await?;
        raw.expect("id=\"announced\"").await?;
        Ok(raw)
    }

    /// A system message to a user, over REST, as it is heard: behind all that was told before.
    pub async fn ring(&mut self, who: Who, bell: &str) -> Result<()> {
        let (recipient, token) = (self.id(who).await?, self.token(Who::Owner).await?);
        let body = json!({"recipientId": recipient, "bell": bell});
        self.rest.done(self.rest.post("/chat/Message/system", &token, &body)).await.map(drop)
    }

    pub async fn ring_other(&self, bell: &str) -> Result<()> {
        let body = json!({"recipientId": self.other.account.user, "bell": bell});
        self.rest.done(self.other_rest.post("/chat/Message/system", &self.other.token, &body)).await.map(drop)
    }
}

/// Digits that are in no other number.
pub fn phone(number: u64) -> String {
    format!("{}", 15_550_000_000 + number)
}

/// A request for the list of users in a room.
pub fn who_is_there(room: &str, id: &str) -> String {
    let query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    format!("<iq xmlns='jabber:client' type='get' to='{room}' id='{id}'>{query}</iq>")
}
