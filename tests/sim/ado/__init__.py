"""Azure DevOps stand-in: agent pools, agents and job requests as the service shows them."""
