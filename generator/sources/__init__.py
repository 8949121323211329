"""Whatever makes volumes, seen as one thing: folders that we trained, plug-ins, bundles, pipelines."""
