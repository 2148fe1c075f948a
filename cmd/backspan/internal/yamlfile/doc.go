// Package yamlfile loads files of one YAML document: the configuration file, pipeline files, the scripts of flaky. What
// the document may hold is for those who load it to say; yamlfile says where a file is no YAML, or goes on.
//
//	top, err := yamlfile.Load(file)
//	if err != nil {
//		return yamlfile.In(path, err) // path:line:column: what is wrong
//	}
package yamlfile
