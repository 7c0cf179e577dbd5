//! The processes that the console asks about themselves: this one, or all members of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_cluster::{Cluster, Member};
use natter_console::{Process, Processes};
use natter_rpc::{Link, LinkOptions, Tls};
use parking_lot::Mutex;

/// Those that are believed alive, whenever it is asked. `here`: the door of this one.
pub fn processes(cluster: Option<&Cluster>, here: Link, tls: Option<Tls>, options: LinkOptions) -> Processes {
    let Some(cluster) = cluster.cloned() else {
        return Arc::new(move || vec![Process { name: "natter".to_owned(), link: here.clone() }]);
    };
    let channels = Mutex::new(BTreeMap::new());
    Arc::new(move || {
        let (view, me, mut channels) = (cluster.view(), cluster.me(), channels.lock());
        channels.retain(|address: &String, _| view.members().iter().any(|member| member.address == *address));
        let mut link = |member: &Member| match member.name == me.name && member.boot == me.boot {
            true => here.clone(),
            false => {
                let channel = || channel(&member.address, tls.as_ref(), options);
                channels.entry(member.address.clone()).or_insert_with(channel).clone()
            }
        };
        view.members().iter().map(|member| Process { name: member.name.clone(), link: link(member) }).collect()
    })
}

fn channel(address: &str, tls: Option<&Tls>, options: LinkOptions) -> Link {
    let scheme = if tls.is_some() { "https" } else { "http" };
    Link::channel_with(&format!("{scheme}://{address}"), tls, options).unwrap_or_else(|error| {
        tracing::error!(address, %error, "a member of the cluster has an address that is none");
        Link::absent()
    })
}

#[cfg(test)]
mod tests {
    use natter_bus::Bus;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_member_is_asked_and_who_is_alone_is_all() {
        let alone = processes(None, Link::absent(), None, LinkOptions::default());
        assert_eq!(alone().len(), 1);
        let bus = Bus::local();
        let begin = |name: &str| {
            let me = Member { name: name.into(), boot: 1, address: format!("127.0.0.1:{}", name.len()), ..Member::default() };
            let cluster = Cluster::new(me, bus.clone());
            tokio::spawn(cluster.clone().run(std::future::pending()));
            cluster
        };
        let (one, _other) = (begin("a"), begin("bb"));
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let all = processes(Some(&one), Link::absent(), None, LinkOptions::default());
        let names: Vec<String> = all().into_iter().map(|process| process.name).collect();
        assert_eq!(names, ["a", "bb"]);
    }
}
