// Syncs manifests from standard input with Argo CD's own engine, and prunes what it synced before and is not among them any more.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/engine"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
)

// Argo CD marks with it what is its own.
const tracking = "argocd.argoproj.io/tracking-id"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("could not read KUBECONFIG: %w", err)
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("could not read standard input: %w", err)
	}
	objects, err := kube.SplitYAML(text)
	if err != nil {
		return fmt.Errorf("could not parse standard input: %w", err)
	}
	for _, object := range objects {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[tracking] = "playlist-recommender:" + object.GetKind() + "/" + object.GetName()
		object.SetAnnotations(annotations)
	}

	live := cache.NewClusterCache(config,
		cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			isOurs := object.GetAnnotations()[tracking] != ""
			return isOurs, isOurs
		}),
	)
	argo := engine.NewEngine(config, live, engine.WithLogr(logr.Discard()))
	stop, err := argo.Run()
	if err != nil {
		return fmt.Errorf("could not read the cluster: %w", err)
	}
	defer stop()

	isOurs := func(resource *cache.Resource) bool { return resource.Info == true }
	results, err := argo.Sync(ctx, objects, isOurs, "revision", "playlist-recommender", sync.WithPrune(true), sync.WithLogr(logr.Discard()))
	for _, result := range results {
		fmt.Printf("%s %s: %s\n", result.ResourceKey.Kind, result.ResourceKey.Name, result.Message)
		if result.Status == common.ResultCodeSyncFailed && err == nil {
			err = fmt.Errorf("%s %s could not be synced", result.ResourceKey.Kind, result.ResourceKey.Name)
		}
	}
	return err
}
