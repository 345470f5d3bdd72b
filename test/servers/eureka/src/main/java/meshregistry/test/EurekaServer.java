package meshregistry.test;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** A stock Eureka server. Everything but the choice between open and Basic auth is configuration. */
@SpringBootApplication
@EnableEurekaServer
public class EurekaServer {
    public static void main(String[] args) {
        SpringApplication.run(EurekaServer.class, args);
    }

    /** Open, unless meshregistry.auth=true: then every path needs Basic auth (spring.security.user.name and password). */
    @Bean
    SecurityFilterChain chain(HttpSecurity http, @Value("${meshregistry.auth:false}") boolean auth) throws Exception {
        http.csrf(csrf -> csrf.disable());
        if (auth) {
            http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated()).httpBasic(Customizer.withDefaults());
        } else {
            http.authorizeHttpRequests(requests -> requests.anyRequest().permitAll());
        }
        return http.build();
    }
}
