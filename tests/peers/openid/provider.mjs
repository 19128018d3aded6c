// An OpenID provider on loopback: `oidc-provider`, certified by the OpenID Foundation, with its development pages, where any
// login does. Its first argument is the port, its second the redirect URIs as JSON. Says "ready" when it is, and ends
// with its standard input.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const redirectUris = JSON.parse(process.argv[3]);
const api = "https://api.backline.test";

async function key(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: "sig" };
}

const common = {
  redirect_uris: redirectUris,
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...common, client_id: "basic", client_secret: "a-secret-of-basic" },
    {
      ...common,
      client_id: "post",
      client_secret: "a-secret-of-post",
      token_endpoint_auth_method: "client_secret_post",
      id_token_signed_response_alg: "ES256",
    },
    { ...common, client_id: "public", token_endpoint_auth_method: "none" },
  ],
  jwks: { keys: [await key("RS256", "rsa"), await key("ES256", "ec")] },
  cookies: { keys: ["of-a-test"] },
  scopes: ["openid", "email", "profile", "offline_access"],
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "picture"],
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256"] },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => oneOf,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "openid email profile offline_access",
        audience: api,
        accessTokenFormat: "jwt",
      }),
    },
  },
  // Whoever signs in as "ann" is ann@example.org; "new" has not confirmed the address yet.
  findAccount: (_ctx, login) => ({
    accountId: login,
    claims: () => ({
      sub: login,
      name: `${login} of the peer`,
      picture: `https://pictures.example.org/${login}.png`,
      email: `${login}@example.org`,
      email_verified: login !== "new",
    }),
  }),
});

createServer(provider.callback()).listen(port, "127.0.0.1", () => process.stdout.write("ready\n"));
process.stdin.resume().on("end", () => process.exit());
