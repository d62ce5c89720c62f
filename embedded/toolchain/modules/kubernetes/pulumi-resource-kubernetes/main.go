// Command pulumi-resource-kubernetes: Pulumi's Kubernetes provider. Its own main embeds two files that a release is made
// with and the module lacks; this one makes them at the start from those next to the binary, which the module has.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	number := strings.TrimPrefix(version.Version, "v")
	// The file states no version; the schema of a release does.
	schema := bytes.Replace(read("schema.json"), []byte("{"), fmt.Appendf(nil, `{"version": %q,`, number), 1)
	provider.Serve("kubernetes", number, schema, read("terraform-mapping.json"))
}

func read(name string) []byte {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(program), name))
	if err != nil {
		log.Fatal(err)
	}
	return content
}
