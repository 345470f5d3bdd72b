package meshregistry.test;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.ApplicationPidFileWriter;
import org.springframework.boot.context.event.ApplicationReadyEvent;

/** Registers itself, as its properties say, and does nothing else. */
@SpringBootApplication
public class SpringApp {
    public static void main(String[] args) {
        SpringApplication application = new SpringApplication(SpringApp.class);
        // Whoever started this process waits for its id in the file that spring.pid.file names.
        ApplicationPidFileWriter writer = new ApplicationPidFileWriter();
        writer.setTriggerEventType(ApplicationReadyEvent.class);
        application.addListeners(writer);
        application.run(args);
    }
}
