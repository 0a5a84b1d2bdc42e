// MLflow's settings for a browser that opens this server for the first time: its views of model training, and its
// assistant closed, which otherwise opens by itself over the page. Its button stays, and who has chosen keeps the choice.
// This is a script and not a module, since it has to run before MLflow's own.
for (const [key, value] of [
  ["mlflow.workflowType_v1", '"machine_learning"'],
  ["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"],
]) {
  try {
    if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
  } catch {
    // The browser keeps nothing for this server, so MLflow's page starts as it does.
  }
}
