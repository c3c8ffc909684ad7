// A websocket that reconnects: backoff with jitter, closed while the tab is hidden, dead after a long silence.
const FIRST_MS = 500;
const MAX_MS = 30000;
const SILENT_MS = 25000; // the server sends a heartbeat every 10 s
const NOTICE_AFTER_MS = 1500; // a shorter break needs no notice
const FINAL_CODES = new Set([4401, 4403]); // signed out, not permitted: retrying would not help

export function connect({ onMessage, onState, onGreeting }) {
  let socket = null;
  let live = false;
  let backoff = FIRST_MS;
  let silenceTimer = 0;
  let noticeTimer = 0;
  let since = "";
  let retry = "connecting";
  let ended = false;

  function open() {
    const address = new URL(document.documentElement.dataset.socket, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.onmessage = handleMessage;
    socket.onclose = handleClose;
  }

  function handleMessage(event) {
    const message = JSON.parse(event.data);
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => socket.close(), SILENT_MS);
    if (message.build) onGreeting();
    else if (!live) becomeLive();
    onMessage(message);
  }

  // The server accepts the page only with the message after the greeting, so a refused page keeps its backoff.
  function becomeLive() {
    live = true;
    backoff = FIRST_MS;
    clearTimeout(noticeTimer);
    noticeTimer = 0;
    since = "";
    onState({ live: true });
  }

  function handleClose(event) {
    clearTimeout(silenceTimer);
    socket = null;
    live = false;
    since ||= new Date().toISOString().slice(11, 19) + " UTC";
    if (FINAL_CODES.has(event.code)) {
      ended = true;
      clearTimeout(noticeTimer);
      onState({ live: false, ended: event.code, reason: event.reason });
      return;
    }
    if (document.hidden) return;
    const wait = backoff * (0.5 + Math.random());
    backoff = Math.min(backoff * 2, MAX_MS);
    retry = (event.reason ? `The server refused it: ${event.reason}. ` : "") + `Reconnecting in ${Math.ceil(wait / 1000)} s.`;
    if (noticeTimer === -1) onState({ live: false, since, retry });
    else if (!noticeTimer) noticeTimer = setTimeout(() => { noticeTimer = -1; onState({ live: false, since, retry }); }, NOTICE_AFTER_MS);
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
