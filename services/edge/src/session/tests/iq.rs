//! Requests of a client to the server.

use super::kit::*;

#[test]
fn every_iq_is_answered_from_where_it_was_sent() {
    let mut client = Client::live();
    for (request, answer) in [
        ("<iq type=\"get\" id=\"p\" to=\"h\"><ping xmlns=\"urn:xmpp:ping\"/></iq>", "type=\"result\" id=\"p\" from=\"h\""),
        (
            "<iq type=\"get\" id=\"v\" to=\"h\"><query xmlns=\"jabber:iq:version\"/></iq>",
            "<query xmlns=\"jabber:iq:version\"/><error code=\"503\"",
        ),
        ("<iq type=\"set\" id=\"x\" to=\"78-905@h\"><query xmlns=\"jabber:iq:roster\"/></iq>", "<error code=\"503\""),
        ("<iq type=\"get\" id=\"l\" to=\"h\"><query xmlns=\"jabber:iq:last\"/></iq>", "<error code=\"503\""),
        ("<iq type=\"get\" id=\"o\" to=\"78-906@h\"><query xmlns=\"jabber:iq:last\"/></iq>", "<error code=\"404\""),
        (
            "<iq type=\"get\" id=\"w\" to=\"906_a6f0a1b2c3d4e5f607182930@muc.h\">\
             <query xmlns=\"http://jabber.org/protocol/disco#items\"/></iq>",
            "type=\"result\" id=\"w\" from=\"906_a6f0a1b2c3d4e5f607182930@muc.h\"",
        ),
        ("<iq type=\"get\" id=\"n\"/>", "<error code=\"400\""),
    ] {
        let written = client.sends(request);
        assert!(written.len() == 1 && written[0].contains(answer), "{request}: {written:?}");
    }
    assert_eq!(client.sends("<iq type=\"result\" id=\"q\"/>"), [""; 0]);
}
