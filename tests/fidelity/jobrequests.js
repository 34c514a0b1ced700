// Microsoft's Node client: prints what it reads of pools, agents and job requests as JSON. usage: node jobrequests.js ORG_URL PAT POOL_ID
const azdev = require('azure-devops-node-api');

async function main([url, pat, pool]) {
    const connection = new azdev.WebApi(url, azdev.getPersonalAccessTokenHandler(pat));
    const api = await connection.getTaskAgentApi();
    const id = Number(pool);
    const requests = await api.getAgentRequests(id, 100);
    const pick = r => ({
        id: r.requestId, demands: r.demands, result: r.result, agent: r.reservedAgent && r.reservedAgent.name,
        queued: r.queueTime instanceof Date, received: r.receiveTime instanceof Date,
    });
    const one = await api.getAgentRequest(id, requests[0].requestId);
    console.log(JSON.stringify({
        pools: (await api.getAgentPools()).map(p => p.name),
        agents: (await api.getAgents(id, undefined, true)).map(a => ({name: a.name, status: a.status, capabilities: a.systemCapabilities})),
        requests: requests.map(pick), one: pick(one),
    }));
}

main(process.argv.slice(2)).catch(e => { console.error(e); process.exit(1); });
