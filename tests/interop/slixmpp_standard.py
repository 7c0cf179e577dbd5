"""Two slixmpp clients, one of them twice, use what a standard client expects of a server.

usage: slixmpp_standard.py ROMEO JULIET STARTTLS_PORT TLS_PORT CA_PEM
Prints one line per step that held; exits 1 at the first that did not.
"""
import asyncio
import sys

import slixmpp
from slixmpp.exceptions import IqError

ROMEO, JULIET, STARTTLS_PORT, TLS_PORT, CA = sys.argv[1:6]
PATIENCE = 20
PLUGINS = ("xep_0012", "xep_0016", "xep_0030", "xep_0045", "xep_0085", "xep_0184", "xep_0198", "xep_0199", "xep_0280",
           "xep_0333", "xep_0352")
EVENTS = ("session_start", "stanza_acked", "session_resumed", "message", "carbon_sent", "chatstate_composing", "chatstate_paused",
          "receipt_received", "marker_displayed", "roster_update", "presence_subscribe", "changed_status",
          "message_error")


class Client(slixmpp.ClientXMPP):
    def __init__(self, user):
        super().__init__(f"{user}-1@localhost", "correct horse")
        self.ca_certs = CA
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        # A server that advertises nothing else must still be asked explicitly.
        self.auto_authorize = None
        self.auto_subscribe = False
        self.seen = {name: asyncio.Queue() for name in EVENTS}
        for name, queue in self.seen.items():
            self.add_event_handler(name, queue.put_nowait)
        self.add_event_handler("failed_auth", lambda _: fail("sign-in was refused"))

    async def arrive(self):
        self.connect(address=("127.0.0.1", int(STARTTLS_PORT)), force_starttls=True)
        await self.next("session_start")
        self.send_presence()

    async def next(self, name, wanted=lambda _: True):
        """The next event of a name that is wanted; what came before it and was not is gone."""
        while True:
            event = await asyncio.wait_for(self.seen[name].get(), PATIENCE)
            if wanted(event):
                return event

    async def settled(self):
        """Everything that the server had for this client is here: a ping comes back behind it."""
        await self["xep_0199"].send_ping("localhost", timeout=PATIENCE)


def fail(why):
    print(why, file=sys.stderr, flush=True)
    sys.exit(1)


def step(what):
    print(what, flush=True)


def says(body):
    return lambda message: message["body"] == body


async def contacts(romeo, juliet):
    await juliet.get_roster(timeout=PATIENCE)
    await romeo.get_roster(timeout=PATIENCE)
    romeo.seen["roster_update"] = drained(romeo.seen["roster_update"])
    await romeo.update_roster(juliet.boundjid.bare, name="Juliet", timeout=PATIENCE)
    pushed = await romeo.next("roster_update", lambda iq: iq["type"] == "set")
    assert pushed["roster"]["ver"], pushed
    step("roster push has a version")
    known = romeo.client_roster.version
    romeo.send_presence_subscription(pto=juliet.boundjid.bare, ptype="subscribe")
    await juliet.next("presence_subscribe")
    juliet.send_presence_subscription(pto=romeo.boundjid.bare, ptype="subscribed")
    await romeo.next("changed_status", lambda presence: presence["from"] == juliet.boundjid)
    step("subscription shows a contact")
    juliet.send_presence(pshow="away", pstatus="at the ball", ppriority=5)
    seen = await romeo.next("changed_status", lambda presence: presence["from"] == juliet.boundjid and presence["show"] == "away")
    assert seen["status"] == "at the ball" and seen["priority"] == 5, seen
    step("what a contact shows is relayed")
    ask = romeo.make_iq_get(queryxmlns="jabber:iq:roster")
    ask["roster"]["ver"] = known
    newer = await ask.send(timeout=PATIENCE)
    items = newer["roster"]["items"]
    assert items[juliet.boundjid.bare]["subscription"] == "to", items
    ask = romeo.make_iq_get(queryxmlns="jabber:iq:roster")
    ask["roster"]["ver"] = newer["roster"]["ver"]
    same = await ask.send(timeout=PATIENCE)
    assert not same.xml.findall("{jabber:iq:roster}query"), same
    step("roster of a known version is not sent again")


async def messages(romeo, other, juliet):
    chat = juliet.make_message(mto=romeo.boundjid.bare, mbody="with a receipt", mtype="chat")
    chat["request_receipt"] = True
    chat["id"] = "receipt-0123456789abcdef"
    chat.send()
    await romeo.next("message", says("with a receipt"))
    receipt = await juliet.next("receipt_received")
    assert receipt["receipt"] == "receipt-0123456789abcdef", receipt
    step("receipt came back")

    chat = juliet.make_message(mto=romeo.boundjid.bare, mbody="to be read", mtype="chat")
    chat["id"] = "marker-0123456789abcdef"
    chat.enable("markable")
    chat.send()
    got = await romeo.next("message", says("to be read"))
    romeo["xep_0333"].send_marker(juliet.boundjid.bare, got["id"], "displayed")
    marker = await juliet.next("marker_displayed")
    assert marker["displayed"]["id"] == "marker-0123456789abcdef", marker
    step("marker came back under the id of its author")

    for state in ("composing", "paused"):
        note = juliet.make_message(mto=romeo.boundjid.bare, mtype="chat")
        note["chat_state"] = state
        note.send()
        await romeo.next(f"chatstate_{state}")
    step("chat states are relayed")

    await other["xep_0280"].enable(timeout=PATIENCE)
    romeo.send_message(mto=juliet.boundjid.bare, mbody="a copy for my other device", mtype="chat")
    carbon = await other.next("carbon_sent")
    assert carbon["carbon_sent"]["body"] == "a copy for my other device", carbon
    await juliet.next("message", says("a copy for my other device"))
    step("carbons copy to the other device")


async def requests(romeo, juliet):
    await romeo["xep_0199"].send_ping("localhost", timeout=PATIENCE)
    await romeo["xep_0199"].send_ping(romeo.boundjid.bare, timeout=PATIENCE)
    step("ping of the server and the account")

    answer = await romeo["xep_0012"].get_last_activity(juliet.boundjid.bare, local=False, timeout=PATIENCE)
    assert answer["last_activity"]["seconds"] == 0, answer
    step("last activity of who is there")

    info = await romeo["xep_0030"].get_info("localhost", local=False, timeout=PATIENCE)
    features = info["disco_info"]["features"]
    assert "urn:xmpp:carbons:2" in features and "urn:xmpp:mam:2" not in features, features
    items = await romeo["xep_0030"].get_items("localhost", local=False, timeout=PATIENCE)
    assert [item[0] for item in items["disco_items"]["items"]] == ["muc.localhost"], items
    try:
        await romeo["xep_0030"].get_info(juliet.boundjid.bare, local=False, timeout=PATIENCE)
        fail("discovery of somebody else was answered")
    except IqError as error:
        assert error.condition == "service-unavailable", error
    step("discovery tells what there is")

    rule = f"<query xmlns='jabber:iq:privacy'><list name='quiet'><item type='jid' value='{romeo.boundjid.bare}' \
action='deny' order='1'><message/></item></list></query>"
    lists = await juliet.make_iq_get(queryxmlns="jabber:iq:privacy").send(timeout=PATIENCE)
    assert not lists.xml.findall("{jabber:iq:privacy}query/*"), lists
    for query in (rule, "<query xmlns='jabber:iq:privacy'><default name='quiet'/></query>"):
        iq = juliet.make_iq_set()
        iq.append(slixmpp.xmlstream.ET.fromstring(query))
        await iq.send(timeout=PATIENCE)
    shown = await juliet.make_iq_get(queryxmlns="jabber:iq:privacy").send(timeout=PATIENCE)
    assert shown.xml.find("{jabber:iq:privacy}query/{jabber:iq:privacy}default").get("name") == "quiet", shown
    romeo.send_message(mto=juliet.boundjid.bare, mbody="kept out", mtype="chat")
    refused = await romeo.next("message_error")
    assert refused["error"]["condition"] == "service-unavailable", refused
    await juliet.settled()
    assert juliet.seen["message"].empty(), "a blocked message came"
    iq = juliet.make_iq_set()
    iq.append(slixmpp.xmlstream.ET.fromstring("<query xmlns='jabber:iq:privacy'><default/></query>"))
    await iq.send(timeout=PATIENCE)
    step("privacy list keeps a message out")


async def client_state(romeo, juliet):
    romeo["xep_0352"].send_inactive()
    await romeo.settled()
    for state in ("composing", "paused"):
        note = juliet.make_message(mto=romeo.boundjid.bare, mtype="chat")
        note["chat_state"] = state
        note.send()
    juliet.send_message(mto=romeo.boundjid.bare, mbody="important", mtype="chat")
    await romeo.next("message", says("important"))
    assert romeo.seen["chatstate_composing"].empty() and romeo.seen["chatstate_paused"].empty(), "typing did not wait"
    romeo["xep_0352"].send_active()
    await romeo.next("chatstate_paused")
    assert romeo.seen["chatstate_composing"].empty(), "more than the last word"
    step("typing waits while nobody looks")


async def resumption(romeo, juliet):
    romeo.transport.abort()
    await juliet.settled()
    juliet.send_message(mto=romeo.boundjid.bare, mbody="while the socket was gone", mtype="chat")
    await juliet.settled()
    romeo.connect(address=("127.0.0.1", int(STARTTLS_PORT)), force_starttls=True)
    await romeo.next("session_resumed")
    await romeo.next("message", says("while the socket was gone"))
    await romeo.settled()
    assert romeo.seen["message"].empty(), "a message came twice"
    step("stream resumed after its socket was lost")


def drained(queue):
    while not queue.empty():
        queue.get_nowait()
    return queue


async def main():
    romeo, other, juliet = Client(ROMEO), Client(ROMEO), Client(JULIET)
    for client in (romeo, other, juliet):
        await client.arrive()
    await contacts(romeo, juliet)
    await messages(romeo, other, juliet)
    await requests(romeo, juliet)
    await client_state(romeo, juliet)
    await resumption(romeo, juliet)
    for client in (romeo, other, juliet):
        client.disconnect()


asyncio.get_event_loop().run_until_complete(main())
