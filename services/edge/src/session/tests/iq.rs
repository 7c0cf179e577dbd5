//! Requests, presence, rooms.

use super::kit::*;

#[test]
fn every_iq_is_answered_from_where_it_was_sent() {
    let mut client = Client::live();
    for (request, answer) in [
        ("<iq type=\"get\" id=\"p\" to=\"h\"><ping xmlns=\"urn:xmpp:ping\"/></iq>", "type=\"result\" id=\"p\" from=\"h\""),
        ("<iq type=\"get\" id=\"r\"><query xmlns=\"jabber:iq:roster\"/></iq>", "<query xmlns=\"jabber:iq:roster\"/></iq>"),
        (
            "<iq type=\"get\" id=\"v\" to=\"h\"><query xmlns=\"jabber:iq:version\"/></iq>",
            "<query xmlns=\"jabber:iq:version\"/><error code=\"503\"",
        ),
        ("<iq type=\"set\" id=\"x\" to=\"78-905@h\"><query xmlns=\"jabber:iq:roster\"/></iq>", "<error code=\"503\""),
        ("<iq type=\"get\" id=\"l\" to=\"78-905@h\"><query xmlns=\"jabber:iq:last\"/></iq>", "<error code=\"404\""),
        (
            "<iq type=\"get\" id=\"d\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h\"><query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>",
            "<query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>",
        ),
        ("<iq type=\"get\" id=\"n\"/>", "<error code=\"400\""),
    ] {
        let written = client.sends(request);
        assert!(written.len() == 1 && written[0].contains(answer), "{request}: {written:?}");
    }
    assert_eq!(client.sends("<iq type=\"result\" id=\"q\"/>"), [""; 0]);
}

#[test]
fn a_join_is_refused_with_its_x_and_a_leave_confirmed_from_the_same_address() {
    let mut client = Client::live();
    let join = client.sends("<presence id=\"4a:join\" to=\"905_a6f0a1b2c3d4e5f607182930@muc.h/34\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>");
    assert!(
        join[0].contains("id=\"4a:join\"")
            && join[0].contains("<x xmlns=\"http://jabber.org/protocol/muc\"/><error code=\"404\"")
    );
    let leave = client.sends("<presence type=\"unavailable\" to=\"a6f0a1b2c3d4e5f607182930/34\"/>");
    assert!(
        leave[0].contains("from=\"a6f0a1b2c3d4e5f607182930/34\"")
            && leave[0].contains("<status code=\"110\"/><xmlns><code>110</code></xmlns>")
    );
}
