package shop.api;

public interface StockService {
    int available(String article);

    boolean reserve(String article, int pieces);
}
