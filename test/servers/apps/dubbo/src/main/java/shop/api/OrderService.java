package shop.api;

import java.util.List;

public interface OrderService {
    String find(String id);

    List<String> list(int page, int size);

    void cancel(String id, String reason);

    /** Nested, because its name in a registry has a dollar sign. */
    interface Audit {
        void log(String line);
    }
}
