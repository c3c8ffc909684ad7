// A real OpenID Connect provider for the tests: node provider.mjs CONFIG.json
// Whom it knows is read anew for every answer, so that a test can change somebody's groups between two sign-ins.
// Version 8 of the library: the last that Debian's Node 18 runs too.
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));

function findAccount(_, id) {
  const people = JSON.parse(readFileSync(config.people, "utf8"));
  return people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) };
}

new Provider(config.issuer, {
  clients: config.clients,
  jwks: config.jwks,
  conformIdTokenClaims: config.claims_from_userinfo, // else the ID token has them too
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: config.cookie_keys },
  features: { devInteractions: { enabled: true } }, // its own pages for signing in, consent and cancelling
  findAccount,
}).listen(config.port, "127.0.0.1");
