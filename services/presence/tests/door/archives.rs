//! What an archive brings of contact lists: every view as it was, once, without a word to anybody.

use natter_proto::archive::v1::Taken;
use natter_proto::presence::v1::archive_client::ArchiveClient;
use natter_proto::presence::v1::{ArchiveViewsRequest, ArchivedView, ContactRow, TakeViewsRequest};

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn contacts_are_read_as_they_were_brought_and_brought_once() {
    let mut node = Node::start(Kv::memory());
    let mut client = ArchiveClient::new(node.archive.clone());
    let friend = ContactRow { name: "Jule".into(), listed: true, to: true, from: true, ..ContactRow::default() };
    let asks = ContactRow { asked: true, ..ContactRow::default() };
    let views = vec![
        ArchivedView { of: JULIET, row: Some(friend.clone()) },
        ArchivedView { of: 99, row: Some(asks) },
        ArchivedView { of: ROMEO, row: Some(friend.clone()) },
        ArchivedView { of: 98, row: None },
    ];
    let request = |dry| TakeViewsRequest { app: 1, user: ROMEO, views: views.clone(), dry };
    let texts = |taken: &Taken| taken.clashes.iter().map(|clash| clash.text.clone()).collect::<Vec<_>>();
    let there = ArchiveViewsRequest { app: 1, user: ROMEO };
    for (dry, taken, same) in [(true, 2, 0), (false, 2, 0), (false, 0, 2)] {
        let outcome = client.take_views(request(dry)).await.unwrap().into_inner();
        assert_eq!((outcome.taken, outcome.same), (taken, same), "{dry}");
        assert_eq!(texts(&outcome), ["is about nobody else", "is empty"]);
        let kept = client.views(there).await.unwrap().into_inner().views;
        assert_eq!(kept, if dry { Vec::new() } else { views[..2].to_vec() });
    }
    let listed = node.client.contacts(ContactsRequest { app: 1, user: ROMEO }).await.unwrap().into_inner();
    assert_eq!(
        listed.contacts.iter().map(|contact| (contact.user, contact.name.as_str())).collect::<Vec<_>>(),
        [(JULIET, "Jule")]
    );
}
