amlflow_spec = 99
