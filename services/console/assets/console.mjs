// What makes the pages nicer where scripts run. Nothing depends on it.

// A form that was refused: its summary is read first.
document.getElementById('trouble')?.focus();

// Copy buttons beside what is copied.
for (const block of document.querySelectorAll('.copy')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'small';
  const name = block.closest('section')?.querySelector('h2')?.textContent;
  const label = block.matches('pre') && name ? ` the lines for ${name}` : '';
  const say = (text) => {
    button.textContent = text;
    const hidden = document.createElement('span');
    hidden.className = 'unseen';
    hidden.textContent = label;
    button.append(hidden);
  };
  say('Copy');
  button.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      say('Copied');
    } catch {
      getSelection().selectAllChildren(block);
      say('Selected');
    }
    setTimeout(() => say('Copy'), 2000);
  });
  block.after(button);
}

// A form is sent once, however often its button is pressed.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = 'yes';
});
addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// The preview of a draft follows what is typed. A field that is wrong is named there, and again when it is saved.
const draft = document.querySelector('form[data-preview]');
const preview = document.getElementById('preview');
let asked = 0;
let pause;
const look = async () => {
  asked += 1;
  const number = asked;
  const body = new URLSearchParams(new FormData(draft));
  const answer = await fetch(draft.dataset.preview, { method: 'POST', body }).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById('preview');
  // Of several answers the last that was asked for counts.
  if (!fresh || number !== asked) return;
  preview.replaceChildren(...document.adoptNode(fresh).childNodes);
  preview.dataset.at = number;
  const said = preview.querySelector('.remark, .size')?.textContent.trim() ?? '';
  document.getElementById('preview-said').textContent = `Preview: ${said}`;
};
draft?.addEventListener('input', () => {
  clearTimeout(pause);
  pause = setTimeout(look, 300);
});

// The text of a file goes into its field.
for (const field of document.querySelectorAll('textarea[data-file]')) {
  const label = document.createElement('label');
  label.className = 'from-file';
  label.textContent = 'Or from a file: ';
  const file = document.createElement('input');
  file.type = 'file';
  file.addEventListener('change', async () => {
    if (file.files[0]?.size < 64 * 1024) field.value = await file.files[0].text();
  });
  label.append(file);
  field.after(label);
}

// What goes on is shown going on.
const follow = async () => {
  const shown = document.querySelector('[data-again]');
  if (!shown) return;
  await new Promise((resolve) => setTimeout(resolve, Number(shown.dataset.again)));
  const answer = await fetch(location.href).catch(() => undefined);
  if (answer?.ok && !answer.redirected) {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById(shown.id);
    if (fresh) shown.replaceWith(document.adoptNode(fresh));
  }
  follow();
};
follow();
