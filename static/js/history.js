// Fetches the history of charts. Charts that request the same URL at the same time share one request.
const pending = new Map();

export function readHistory(url) {
  if (!pending.has(url)) {
    const request = (async () => {
      const response = await fetch(url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.json();
    })();
    pending.set(url, request.finally(() => pending.delete(url)));
  }
  return pending.get(url);
}
