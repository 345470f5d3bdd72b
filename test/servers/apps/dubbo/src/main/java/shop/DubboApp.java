package shop;

import java.lang.management.ManagementFactory;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MetadataReportConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * A Dubbo application made from its command line, on whatever line of Dubbo it was built with. Every argument is
 * {@code name=value}; {@code registry}, {@code protocol}, {@code provide} and {@code consume} may be repeated, and the
 * values of the last three are {@code name;option=value;...}.
 */
public final class DubboApp {
    private final Map<String, String> settings = new HashMap<>();
    private final List<String> registries = new ArrayList<>();
    private final List<Item> protocols = new ArrayList<>();
    private final List<Item> provided = new ArrayList<>();
    private final List<Item> consumed = new ArrayList<>();

    /** A repeated argument: its first word, and what follows it. */
    private record Item(String name, Map<String, String> options) {
        static Item parse(String text) {
            String[] parts = text.split(";");
            Map<String, String> options = new HashMap<>();
            for (int i = 1; i < parts.length; i++) {
                int equals = parts[i].indexOf('=');
                options.put(parts[i].substring(0, equals), parts[i].substring(equals + 1));
            }
            return new Item(parts[0], options);
        }

        String get(String option) {
            return options.get(option);
        }
    }

    public static void main(String[] args) throws Exception {
        DubboApp app = new DubboApp();
        for (String arg : args) {
            int equals = arg.indexOf('=');
            String value = arg.substring(equals + 1);
            switch (arg.substring(0, equals)) {
                case "registry" -> app.registries.add(value);
                case "protocol" -> app.protocols.add(Item.parse(value));
                case "provide" -> app.provided.add(Item.parse(value));
                case "consume" -> app.consumed.add(Item.parse(value));
                default -> app.settings.put(arg.substring(0, equals), value);
            }
        }
        app.start();
        // Whoever started this process waits for its id in this file.
        String pid = ManagementFactory.getRuntimeMXBean().getName().split("@")[0];
        Files.writeString(Path.of(app.settings.get("ready-file")), pid);
        // SIGTERM runs Dubbo's own shutdown.
        new CountDownLatch(1).await();
    }

    private void start() throws Exception {
        ApplicationConfig application = new ApplicationConfig(settings.get("application"));
        application.setQosEnable(false);
        if (settings.containsKey("register-mode")) {
            // Dubbo 2.7 has no such setting.
            ApplicationConfig.class.getMethod("setRegisterMode", String.class)
                    .invoke(application, settings.get("register-mode"));
        }
        if (settings.containsKey("metadata-type")) {
            application.setMetadataType(settings.get("metadata-type"));
        }
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(application);
        for (String address : registries) {
            RegistryConfig registry = new RegistryConfig(address);
            // With several, each needs one.
            registry.setId(address.substring(0, address.indexOf(':')));
            if (settings.containsKey("simplified")) {
                registry.setSimplified(true);
            }
            bootstrap.registry(registry);
        }
        if (settings.containsKey("metadata-report")) {
            bootstrap.metadataReport(new MetadataReportConfig(settings.get("metadata-report")));
        }
        Map<String, ProtocolConfig> byName = new HashMap<>();
        for (Item item : protocols) {
            ProtocolConfig protocol = new ProtocolConfig(item.name(), Integer.parseInt(item.get("port")));
            protocol.setId(item.name());
            if (item.get("ext") != null) {
                ProtocolConfig.class.getMethod("setExtProtocol", String.class).invoke(protocol, item.get("ext"));
            }
            byName.put(item.name(), protocol);
            bootstrap.protocol(protocol);
        }
        for (Item item : provided) {
            bootstrap.service(service(item, byName));
        }
        for (Item item : consumed) {
            bootstrap.reference(reference(item));
        }
        bootstrap.start();
    }

    private static ServiceConfig<Object> service(Item item, Map<String, ProtocolConfig> protocols) throws Exception {
        Class<Object> type = type(item);
        ServiceConfig<Object> service = new ServiceConfig<>();
        // Without an id Dubbo 2.7 drops the second service of a process.
        service.setId("service " + item);
        service.setInterface(type);
        service.setRef(implementation(type));
        service.setGroup(item.get("group"));
        service.setVersion(item.get("version"));
        List<ProtocolConfig> spoken = new ArrayList<>(protocols.values());
        if (item.get("protocol") != null) {
            spoken = List.of(protocols.get(item.get("protocol")));
        }
        service.setProtocols(spoken);
        if (item.get("weight") != null) {
            service.setWeight(Integer.parseInt(item.get("weight")));
        }
        if (item.get("tag") != null) {
            service.setTag(item.get("tag"));
        }
        Map<String, String> parameters = new HashMap<>();
        item.options().forEach((name, value) -> {
            if (name.startsWith("parameter.")) {
                parameters.put(name.substring("parameter.".length()), value);
            }
        });
        if (!parameters.isEmpty()) {
            service.setParameters(parameters);
        }
        return service;
    }

    private static ReferenceConfig<Object> reference(Item item) throws Exception {
        ReferenceConfig<Object> reference = new ReferenceConfig<>();
        reference.setId("reference " + item);
        reference.setInterface(type(item));
        reference.setGroup(item.get("group"));
        reference.setVersion(item.get("version"));
        // It may start before its providers, and they may be at addresses where nobody listens.
        reference.setCheck(false);
        reference.setLazy(true);
        return reference;
    }

    @SuppressWarnings("unchecked")
    private static Class<Object> type(Item item) throws ClassNotFoundException {
        return (Class<Object>) Class.forName(item.name());
    }

    /** Answers 0, false or null to every call. */
    private static Object implementation(Class<Object> type) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, args) -> {
            switch (method.getName()) {
                case "toString":
                    return type.getSimpleName();
                case "hashCode":
                    return System.identityHashCode(self);
                case "equals":
                    return self == args[0];
                default:
                    Class<?> result = method.getReturnType();
                    return result == int.class ? (Object) 0 : result == boolean.class ? (Object) false : null;
            }
        });
    }
}
