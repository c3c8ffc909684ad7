// A websocket that comes back: backoff with jitter, closed while the tab is hidden, dead when it is silent for too long.
const FIRST_MS = 500;
const MOST_MS = 30000;
const SILENT_MS = 25000; // the server says something every 10 s
const TOLD_AFTER_MS = 1500; // a short break is not worth a notice
const FOR_GOOD = new Set([4401, 4403]); // signed out, not permitted: to ask again would be told the same

export function connect({ receive, tell, greeted }) {
  let socket = null;
  let live = false;
  let pause = FIRST_MS;
  let silent = 0;
  let notice = 0;
  let since = "";
  let next = "connecting";
  let ended = false;

  function open() {
    const address = new URL(document.documentElement.dataset.socket, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.onmessage = hear;
    socket.onclose = lost;
  }

  function hear(event) {
    const message = JSON.parse(event.data);
    clearTimeout(silent);
    silent = setTimeout(() => socket.close(), SILENT_MS);
    if (message.build) greeted();
    else if (!live) served();
    receive(message);
  }

  // Only what follows the greeting says that this page is served: one that is refused asks ever more seldom.
  function served() {
    live = true;
    pause = FIRST_MS;
    clearTimeout(notice);
    notice = 0;
    since = "";
    tell({ live: true });
  }

  function lost(event) {
    clearTimeout(silent);
    socket = null;
    live = false;
    since ||= new Date().toISOString().slice(11, 19) + " UTC";
    if (FOR_GOOD.has(event.code)) {
      ended = true;
      clearTimeout(notice);
      tell({ live: false, ended: event.code });
      return;
    }
    if (document.hidden) return;
    const wait = pause * (0.5 + Math.random());
    pause = Math.min(pause * 2, MOST_MS);
    next = (event.reason ? `it was refused: ${event.reason}; ` : "") + `trying again in ${Math.ceil(wait / 1000)} s`;
    if (notice === -1) tell({ live: false, since, next });
    else if (!notice) notice = setTimeout(() => { notice = -1; tell({ live: false, since, next }); }, TOLD_AFTER_MS);
    setTimeout(() => document.hidden || reopen(), wait);
  }

  function reopen() {
    if (!socket && !ended) open();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) socket?.close();
    else reopen();
  });
  addEventListener("online", reopen);
  open();
  return { send: (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)) };
}
