// Decodes manifests into the Go types of Kubernetes, Argo CD and the Prometheus operator, and refuses fields that these do not have.
// It reads YAML from standard input, prints a line for each object, and exits with 1 if one of them is wrong.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	argocd "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	prometheus "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	if err := decodeAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func decodeAll(in io.Reader, out io.Writer) error {
	types := scheme.Scheme
	for _, add := range []func(*runtime.Scheme) error{argocd.AddToScheme, prometheus.AddToScheme} {
		if err := add(types); err != nil {
			return fmt.Errorf("could not register types: %w", err)
		}
	}
	strict := json.SerializerOptions{Yaml: true, Strict: true}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, types, types, strict)

	documents := yaml.NewYAMLReader(bufio.NewReader(in))
	failed := false
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("could not read standard input: %w", err)
		}
		_, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			failed = true
			fmt.Fprintf(out, "wrong %s: %v\n", kind, err)
			continue
		}
		fmt.Fprintf(out, "right %s\n", kind)
	}
	if failed {
		return errors.New("not every object is of its type")
	}
	return nil
}
