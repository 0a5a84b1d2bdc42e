// Sets MLflow's settings in a browser that opens this server for the first time: MLflow shows its views for model
// training, and its assistant is closed, which else opens over the page. A setting that the user has made is kept, and
// the assistant's button stays. This is a script and not a module, since it has to run before MLflow's own scripts.
for (const [key, value] of [
  ["mlflow.workflowType_v1", '"machine_learning"'],
  ["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"],
]) {
  try {
    if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
  } catch {
    // The browser does not store anything for this server, so MLflow's page starts with its own settings.
  }
}
