"""Stand-ins for Azure DevOps and Kubernetes, a fake kubelet that runs simulated agents, and one control endpoint to script them: `python -m tests.sim --help`."""
