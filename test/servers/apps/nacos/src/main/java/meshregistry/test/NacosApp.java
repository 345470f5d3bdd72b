package meshregistry.test;

import com.alibaba.nacos.api.NacosFactory;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.pojo.Instance;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/**
 * Registers instances with Nacos' own client, and keeps them registered until it is told to stop. Arguments:
 *
 * <pre>
 *   ready-file=PATH server=HOST:PORT [namespace=ID] [username=U password=P]
 *   register=GROUP;SERVICE;IP;PORT[;cluster=C][;weight=W][;ephemeral=false][;enabled=false][;KEY=VALUE...]
 * </pre>
 *
 * Several of one service are registered as one batch, as the protocol wants it.
 */
public class NacosApp {
    private record Service(String group, String name) {}

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        String readyFile = null;
        Map<Service, List<Instance>> services = new LinkedHashMap<>();
        for (String argument : args) {
            String key = argument.substring(0, argument.indexOf('='));
            String value = argument.substring(argument.indexOf('=') + 1);
            switch (key) {
                case "ready-file" -> readyFile = value;
                case "server" -> properties.setProperty("serverAddr", value);
                case "namespace", "username", "password" -> properties.setProperty(key, value);
                case "register" -> {
                    String[] parts = value.split(";");
                    services.computeIfAbsent(new Service(parts[0], parts[1]), any -> new ArrayList<>())
                            .add(instance(parts));
                }
                default -> throw new IllegalArgumentException(argument);
            }
        }
        NamingService naming = NacosFactory.createNamingService(properties);
        for (var entry : services.entrySet()) {
            Service service = entry.getKey();
            List<Instance> instances = entry.getValue();
            if (instances.size() > 1) {
                naming.batchRegisterInstance(service.name(), service.group(), instances);
            } else {
                naming.registerInstance(service.name(), service.group(), instances.get(0));
            }
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                naming.shutDown();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        Files.writeString(Path.of(readyFile), String.valueOf(ProcessHandle.current().pid()));
        Thread.currentThread().join();
    }

    private static Instance instance(String[] parts) {
        Instance instance = new Instance();
        instance.setIp(parts[2]);
        instance.setPort(Integer.parseInt(parts[3]));
        Map<String, String> metadata = new HashMap<>();
        for (int i = 4; i < parts.length; i++) {
            String key = parts[i].substring(0, parts[i].indexOf('='));
            String value = parts[i].substring(parts[i].indexOf('=') + 1);
            switch (key) {
                case "cluster" -> instance.setClusterName(value);
                case "weight" -> instance.setWeight(Double.parseDouble(value));
                case "ephemeral" -> instance.setEphemeral(Boolean.parseBoolean(value));
                case "enabled" -> instance.setEnabled(Boolean.parseBoolean(value));
                default -> metadata.put(key, value);
            }
        }
        instance.setMetadata(metadata);
        return instance;
    }
}
