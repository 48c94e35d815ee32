// The smallest receiver that Shopify's own library for Node allows: verify, insert, answer after the commit.
// Environment: PORT, DATABASE_URL, SHOPIFY_API_KEY, SHOPIFY_API_SECRET, POOL. Prints one line when it listens.
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const {PORT, DATABASE_URL, SHOPIFY_API_KEY, SHOPIFY_API_SECRET, POOL, MODULES} = process.env;
const found = createRequire(`${MODULES}/package.json`);
const load = (name) => import(pathToFileURL(found.resolve(name)));
await load('@shopify/shopify-api/adapters/node');
const {shopifyApi, ApiVersion} = await load('@shopify/shopify-api');
const pg = (await load('pg')).default;

const shopify = shopifyApi({
  apiKey: SHOPIFY_API_KEY,
  apiSecretKey: SHOPIFY_API_SECRET,
  apiVersion: Object.values(ApiVersion).at(-1),
  hostName: 'localhost',
  isEmbeddedApp: true,
});
const pool = new pg.Pool({connectionString: DATABASE_URL, max: Number(POOL)});
const INSERT = {
  name: 'receive',
  text: `INSERT INTO rival_receipt
    (shop_domain, webhook_id, topic, triggered_at, received_at, body, outcome, due_at, lease_token, attempt)
    VALUES ($1, $2, $3, $4, now(), $5, '', now(), '', 0) ON CONFLICT (shop_domain, webhook_id) DO NOTHING`,
};

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    let status = 200;
    try {
      const raw = Buffer.concat(parts);
      const told = await shopify.webhooks.validate({
        rawBody: raw.toString('utf8'),
        rawRequest: request,
        rawResponse: response,
      });
      if (!told.valid) status = 401;
      else await pool.query(INSERT, [told.domain, told.webhookId, told.topic, told.triggeredAt ?? null, raw]);
    } catch {
      status = 500;
    }
    response.writeHead(status);
    response.end();
  });
}).listen(Number(PORT), '127.0.0.1', () => console.log('listening'));
