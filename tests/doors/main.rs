//! What a process does at its doors and at its limits: refusals, rates, a full disk, the command line, the end. A real process
//! on loopback, driven by raw HTTP and raw stanzas, as an attacker or a broken client would.
#![allow(clippy::unwrap_used)]

mod alerts;
mod apps;
mod archive;
mod attachments;
mod attacks;
mod backup;
mod blocked;
mod certificates;
mod chat_only;
mod chat_refusals;
mod disk_full;
mod doctor;
mod ending;
mod erase;
mod export;
mod forgotten;
mod groups;
mod identity;
mod kept;
mod keys;
mod limits;
mod names;
mod observed;
mod openapi;
mod operator;
mod origins;
mod process;
mod proxied;
mod quiet;
mod raw;
mod rest;
mod rest_refusals;
mod rights;
mod sessions;
mod staff;
mod standard;
mod tenants;
mod traces;
mod trial;
mod verdict;
mod webhooks;
