// Package outputs keeps what the steps of a pipeline file printed as their outputs, so that a later run that leaves
// phases out can take theirs.
//
//	store := outputs.Store{Dir: "data/session/outputs"}
//	keeper := store.Keep(outputs.Run{SessionID: id, Pipeline: name}, mask, warn)
//	keeper.Add("build", "version", json.RawMessage(`"v2"`))
//	keeper.End(orchestrator.Success)
//	run, err := store.Find(id) // or the report of a run: outputs.ReadReport("report.json")
//
// A file holds one run and is for its owner alone. It is written when the run begins and after each output, so that it
// is right also when the process is killed. What looks like a secret is not in it.
package outputs
