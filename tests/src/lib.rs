//! The tests' kit: a Natter process ([`process`]), on embedded stores or as one of a cluster ([`clustered`]), SDK clients in processes of their own ([`sdk`], [`build`]), a network that
//! can be cut ([`proxy`]), a reference model ([`model`]), stanza scenarios ([`play`]), the tables of rights ([`rights`]) and of
//! blocks ([`blocked`]), push providers that check ([`providers`]), a server that webhooks are sent to ([`receiver`]), lean XMPP clients ([`client`], [`stream`]), what they hear ([`heard`]), a collector of spans ([`otlp`]) and whether they may
//! ([`membership`]), and traffic that remembers what it was told ([`traffic`]). What a scenario checks stands in the test crates beside this folder.

pub mod address;
pub mod blocked;
pub mod build;
pub mod client;
pub mod clustered;
pub mod heard;
pub mod inputs;
pub mod limits;
pub mod membership;
pub mod model;
pub mod otlp;
pub mod play;
pub mod process;
pub mod providers;
pub mod proxy;
pub mod receiver;
pub mod rights;
pub mod sdk;
pub mod stream;
pub mod traffic;
