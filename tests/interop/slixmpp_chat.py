"""Two slixmpp clients chat through a Natter process; one loses its socket and resumes its stream (XEP-0198).

usage: slixmpp_chat.py ROMEO JULIET STARTTLS_PORT TLS_PORT CA_PEM
Prints one line per step that held; exits 1 at the first that did not.
"""
import asyncio
import ssl
import sys

import slixmpp

ROMEO, JULIET, STARTTLS_PORT, TLS_PORT, CA = sys.argv[1:6]
PATIENCE = 20


class Client(slixmpp.ClientXMPP):
    def __init__(self, user, direct_tls):
        super().__init__(f"{user}-1@localhost", "correct horse")
        self.direct_tls = direct_tls
        self.ca_certs = CA
        self.register_plugin("xep_0198")
        self.received = asyncio.Queue()
        self.happened = {name: asyncio.Event() for name in ("session_start", "stanza_acked", "session_resumed", "sm_failed")}
        for name, event in self.happened.items():
            self.add_event_handler(name, lambda _, event=event: event.set())
        self.add_event_handler("session_start", lambda _: self.send_presence())
        self.add_event_handler("message", self.keep)
        self.add_event_handler("failed_auth", lambda _: fail("sign-in was refused"))

    def keep(self, message):
        if message["body"]:
            self.received.put_nowait((message["id"], message["body"]))

    def open(self):
        port = TLS_PORT if self.direct_tls else STARTTLS_PORT
        self.connect(address=("127.0.0.1", int(port)), use_ssl=self.direct_tls, force_starttls=not self.direct_tls, disable_starttls=self.direct_tls)

    async def wait(self, name):
        await asyncio.wait_for(self.happened[name].wait(), PATIENCE)


def fail(why):
    print(why, file=sys.stderr, flush=True)
    sys.exit(1)


def step(what):
    print(what, flush=True)


async def main():
    romeo, juliet = Client(ROMEO, False), Client(JULIET, True)
    romeo.open()
    await romeo.wait("session_start")
    step("romeo signed in")
    juliet.open()
    await juliet.wait("session_start")
    step("juliet signed in")

    juliet.send_message(mto=romeo.boundjid.bare, mbody="Ay me!", mtype="chat")
    _, body = await asyncio.wait_for(romeo.received.get(), PATIENCE)
    assert body == "Ay me!", body
    step("message received")

    juliet["xep_0198"].request_ack()
    await juliet.wait("stanza_acked")
    step("message acked")

    # Romeo's socket dies without a goodbye; what comes meanwhile waits for his stream.
    romeo.happened["session_resumed"].clear()
    romeo.transport.abort()
    await asyncio.sleep(0.2)
    for n in range(3):
        juliet.send_message(mto=romeo.boundjid.bare, mbody=f"gap {n}", mtype="chat")
    await asyncio.sleep(0.2)
    romeo.open()
    await romeo.wait("session_resumed")
    step("stream resumed")
    bodies = [(await asyncio.wait_for(romeo.received.get(), PATIENCE))[1] for _ in range(3)]
    assert bodies == ["gap 0", "gap 1", "gap 2"], bodies
    await asyncio.sleep(0.3)
    assert romeo.received.empty(), "a message came twice"
    step("gap received once")
    juliet.disconnect()
    romeo.disconnect()


asyncio.get_event_loop().run_until_complete(main())
