package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// holdAnnotation keeps a pod pending.
const holdAnnotation = "meshregistry.test/hold"

// kubelet passes for a scheduler and for the kubelets of two nodes in two zones.
type kubelet struct {
	client kubernetes.Interface
	next   int
}

// startKubelet binds pending pods to nodes in turn, gives them addresses, makes them ready, and finishes their deletion.
func startKubelet(ctx context.Context, client kubernetes.Interface, pods cache.SharedIndexInformer) error {
	for index, zone := range []string{"zone-a", "zone-b"} {
		name := fmt.Sprintf("node-%d", index)
		labels := map[string]string{
			"topology.kubernetes.io/region": "region-1",
			"topology.kubernetes.io/zone":   zone,
			"kubernetes.io/hostname":        name,
		}
		ready := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue}
		node := &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Status:     v1.NodeStatus{Conditions: []v1.NodeCondition{ready}},
		}
		// There already after an earlier run.
		_, _ = client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	}
	queue := make(chan *v1.Pod, 100_000)
	handle := func(object any) {
		if pod, ok := object.(*v1.Pod); ok {
			queue <- pod
		}
	}
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    handle,
		UpdateFunc: func(_, object any) { handle(object) },
	}); err != nil {
		return err
	}
	go func() {
		fake := &kubelet{client: client}
		for pod := range queue {
			fake.handle(ctx, pod)
		}
	}()
	return nil
}

// handle does the next step for a pod. What fails is done again: the API server refused it because of a newer version,
// which is on its way here.
func (k *kubelet) handle(ctx context.Context, pod *v1.Pod) {
	api := k.client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.DeletionTimestamp != nil && pod.Spec.NodeName != "":
		now := int64(0)
		_ = api.Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now,
			Preconditions:      &metav1.Preconditions{UID: &pod.UID},
		})
	case pod.Annotations[holdAnnotation] != "":
	case pod.Spec.NodeName == "":
		k.next++
		_ = api.Bind(ctx, &v1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID},
			Target:     v1.ObjectReference{Kind: "Node", Name: fmt.Sprintf("node-%d", k.next%2)},
		}, metav1.CreateOptions{})
	case pod.Status.Phase == v1.PodPending && pod.Status.PodIP == "":
		k.next++
		_, _ = api.UpdateStatus(ctx, k.running(pod), metav1.UpdateOptions{})
	}
}

func (k *kubelet) running(pod *v1.Pod) *v1.Pod {
	changed, now := pod.DeepCopy(), metav1.NewTime(time.Now())
	ip := fmt.Sprintf("10.%d.%d.%d", 128+k.next/62500%100, k.next/250%250, k.next%250+1)
	status := &changed.Status
	status.Phase, status.StartTime = v1.PodRunning, &now
	status.PodIP, status.PodIPs = ip, []v1.PodIP{{IP: ip}}
	status.HostIP, status.HostIPs = "192.168.0.1", []v1.HostIP{{IP: "192.168.0.1"}}
	for _, kind := range []v1.PodConditionType{v1.PodInitialized, v1.ContainersReady, v1.PodReady, v1.PodScheduled} {
		status.Conditions = append(status.Conditions,
			v1.PodCondition{Type: kind, Status: v1.ConditionTrue, LastTransitionTime: now})
	}
	return changed
}
