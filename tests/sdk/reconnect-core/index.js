'use strict';
// The old XMPP client names its `reconnect-core` by an address outside the registry, so `overrides` in ../package.json puts
// this in its place. It opens sockets and says `connect` and `disconnect`. It never opens one again by itself: SDK 1.7.3 does
// not ask for that, it has a timer of its own.

// open(arguments) returns a socket; `options.emitter` becomes the connection.
module.exports = (open) => ({ emitter }) => {
  let socket;
  emitter.connected = false;

  // Also called with the TLS socket, over the one that is open (STARTTLS).
  emitter.connect = emitter.listen = (...args) => {
    emitter.reconnect = true;
    emitter.emit('reconnect', 0, 0);
    const opened = open(...args);
    socket = opened;
    let over = false;
    const end = (error) => {
      if (over) return;
      over = true;
      emitter.connected = false;
      emitter.emit('disconnect', error);
    };
    for (const event of ['error', 'close', 'end']) {
      opened.on(event, (reason) => end(reason instanceof Error ? reason : undefined));
    }
    opened.on('connect', () => {
      emitter.connected = true;
      emitter.emit('connect', opened);
      emitter.emit('connection', opened);
    });
    return emitter;
  };

  // The client hears `disconnect` of its own end at once; the socket's events may come after its listeners are gone.
  emitter.end = emitter.disconnect = () => {
    emitter.reconnect = false;
    if (socket) socket.end();
    emitter.emit('disconnect');
    return emitter;
  };
};
