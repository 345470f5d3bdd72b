package main

import (
	"context"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// maxEndpointsPerSlice is small, so that a Service of a few dozen pods has several slices.
const maxEndpointsPerSlice = 10

// startControllers runs Kubernetes' own controllers for slices, deployments, replica sets, stateful sets, namespaces
// and service accounts, and what passes for a scheduler and a kubelet.
func startControllers(client kubernetes.Interface, config *rest.Config) error {
	ctx := context.Background()
	factory := informers.NewSharedInformerFactory(client, 0)
	core, apps := factory.Core().V1(), factory.Apps().V1()
	deployments, err := deployment.NewDeploymentController(
		ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	if err != nil {
		return err
	}
	replicaSets := replicaset.NewReplicaSetController(
		ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas)
	statefulSets := statefulset.NewStatefulSetController(
		ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), client)
	slices := endpointslice.NewController(
		ctx, core.Pods(), core.Services(), core.Nodes(), factory.Discovery().V1().EndpointSlices(),
		maxEndpointsPerSlice, client, 0)
	accounts, err := serviceaccount.NewServiceAccountsController(
		klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(), client,
		serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	namespaces := namespace.NewNamespaceController(
		ctx, client, metadataClient, client.Discovery().ServerPreferredNamespacedResources,
		core.Namespaces(), 0, v1.FinalizerKubernetes)
	if err := startKubelet(ctx, client, core.Pods().Informer()); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go deployments.Run(ctx, 4)
	go replicaSets.Run(ctx, 4)
	go statefulSets.Run(ctx, 2)
	go slices.Run(ctx, 8)
	go accounts.Run(ctx, 1)
	go namespaces.Run(ctx, 4)
	return nil
}
