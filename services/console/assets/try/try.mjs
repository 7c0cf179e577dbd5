// The page "Try it": two users of an app, each with a stream of its own to the chat door, side by side. The tokens are held here and
// nowhere else: a page that is loaded again starts anew.
import { Chat } from './chat.mjs';
import { Pane, make } from './pane.mjs';

const trial = document.getElementById('trial');
const { app, address, csrf } = trial.dataset;
const [button, state, panes] = ['start', 'trial-state', 'panes'].map((id) => document.getElementById(id));

// What a trouble means and what to do, in the order in which an operator would look.
const explain = ({ kind, message }) => {
  const lines = {
    refused: [
      `The chat door at ${address} refused the sign-in: ${message || 'no reason was given'}.`,
      'A start in another page ends the tokens of this one: start again. If the app has a list of allowed origins, this page’s has to be in it: ',
      make('code', { text: location.origin }),
    ],
    ended: [`The chat door ended the stream${message ? `: ${message}` : ''}.`, 'What was not confirmed is sent again when the user comes back.'],
    unreached: [`${address} was not reached. ${message}`, ...unreached()],
  }[kind];
  const [first, ...rest] = lines;
  return [make('p', { text: first }), make('p', { class: 'more' }, ...rest)];
};

const unreached = () => {
  if (address.startsWith('ws:')) {
    return ['The plain port listens on the server’s own machine only, unless ', make('code', { text: 'edge.plain_address' }), ' says otherwise.'];
  }
  const door = address.replace('wss:', 'https:');
  return [
    'Most often the browser does not trust the certificate: open ',
    make('a', { href: `${door}/`, target: '_blank', rel: 'noreferrer', text: door }),
    ', accept it (what that page shows does not matter), and bring the user online again. Else the port is closed to this machine, or the name is not this server’s.',
  ];
};

const begin = async () => {
  const answer = await fetch(`/admin/v1/apps/${app}/try`, { method: 'POST', headers: { 'x-natter-csrf': csrf } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.error.field} ${body.error.text}`.trim());
  return body.trial;
};

const start = async () => {
  button.disabled = true;
  state.textContent = 'Starting …';
  try {
    show(await begin());
    state.textContent = '';
    button.hidden = true;
  } catch (error) {
    state.textContent = `It did not start: ${error.message}.`;
    button.disabled = false;
  }
};

const show = ({ dialog, users, messages }) => {
  const sides = users.map((me, side) => {
    const pane = new Pane(app, me, explain);
    const [onChange, onFrame] = [() => pane.refresh(), (isOwn, text) => pane.note(isOwn, text)];
    const chat = new Chat({ address, app, dialog, me, other: users[1 - side], messages, onChange, onFrame });
    pane.of(chat);
    return { pane, chat };
  });
  panes.replaceChildren(...sides.map(({ pane }) => pane.element));
  for (const { chat } of sides) chat.goOnline();
  sides[0].pane.field.focus();
};

button.hidden = false;
button.addEventListener('click', start);
